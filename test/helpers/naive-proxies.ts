// Proxies as they are written in an afternoon, each with a mistake of its own, in front of a local port.

import http from 'node:http';
import net, { type AddressInfo, type Server, type Socket } from 'node:net';

export interface INaiveProxy extends AsyncDisposable {
  readonly port: number;
}

export type TNaive = (request: http.IncomingMessage, options: http.RequestOptions) => http.RequestOptions | number;

/**
 * Node's server and Node's client, joined. `change` makes what is sent to the target of what is passed on as it came; a number
 * is a status to answer by.
 */
export async function startNodeProxy(targetPort: number, change: TNaive = (_, passed) => passed): Promise<INaiveProxy> {
  const agent = new http.Agent({ keepAlive: true });
  const server = http.createServer((request, response) => {
    const { method, url, headers } = request;
    const passed = { port: targetPort, host: '127.0.0.1', agent, method, path: url, headers };
    const asked = change(request, passed as http.RequestOptions);
    if (typeof asked === 'number') {
      response.writeHead(asked).end();
      return;
    }
    const fields = Object.entries(asked.headers ?? {}).filter(([, value]) => value !== undefined);
    const upstream = http.request({ ...asked, headers: Object.fromEntries(fields) }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    upstream.on('error', () => (response.headersSent ? response.destroy() : response.writeHead(502).end()));
    request.pipe(upstream);
  });
  const started = await start(server);
  return {
    port: started.port,
    async [Symbol.asyncDispose]() {
      agent.destroy();
      await started[Symbol.asyncDispose]();
    },
  };
}

/** Reads a head by itself, takes the content by Content-Length alone, and passes all bytes on as they came. */
export function startJoiningProxy(targetPort: number): Promise<INaiveProxy> {
  return start(
    net.createServer((client) => {
      client.on('error', () => {});
      const target = net.connect(targetPort, '127.0.0.1');
      target.on('error', () => client.destroy());
      client.on('close', () => target.destroy());
      target.on('close', () => client.end());
      target.pipe(client);
      let rest = '';
      client.on('data', (bytes) => {
        rest += bytes.toString('latin1');
        for (let used = messageLength(rest); used > 0; used = messageLength(rest)) {
          target.write(rest.slice(0, used), 'latin1');
          rest = rest.slice(used);
        }
      });
    }),
  );
}

/** 0: it is not whole yet. */
function messageLength(text: string): number {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return 0;
  const length = Number(/\r\ncontent-length: *(\d+)/i.exec(text.slice(0, end))?.[1] ?? 0);
  return text.length < end + 4 + length ? 0 : end + 4 + length;
}

async function start(server: Server): Promise<INaiveProxy> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await new Promise((resolve, reject) => server.once('listening', resolve).once('error', reject));
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
