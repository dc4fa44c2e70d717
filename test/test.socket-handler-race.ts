// Socket handlers see every byte, however late and in whatever way they begin to read, and harm nobody when they fail.

import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { IRouteMatch, TSocketHandler } from '../ts/index.js';
import { connectTcp } from './helpers/clients.js';
import { type IStartedProxy, startProxy } from './helpers/start-proxy.js';
import { expect, tap } from './helpers/tapbundle.js';

const question = 'the first bytes of this connection\n';

/** Each way to read, as a handler that answers with all that it saw before the client's FIN. */
const readers: Record<string, TSocketHandler> = {
  'data, at once': (socket) => {
    let seen = '';
    socket.on('data', (chunk) => {
      seen += chunk;
    });
    socket.on('end', () => socket.end(seen));
  },
  'data, after an await': async (socket) => {
    await delay(50);
    let seen = '';
    socket.on('data', (chunk) => {
      seen += chunk;
    });
    socket.on('end', () => socket.end(seen));
  },
  'readable, after an await': async (socket) => {
    await delay(50);
    let seen = '';
    socket.on('readable', () => {
      for (let chunk = socket.read(); chunk !== null; chunk = socket.read()) seen += chunk;
    });
    socket.on('end', () => socket.end(seen));
  },
  'for await, after an await': async (socket) => {
    await delay(50);
    let seen = '';
    for await (const chunk of socket.iterator({ destroyOnReturn: false })) seen += chunk;
    socket.end(seen);
  },
  'pipe, after an await': async (socket) => {
    await delay(50);
    socket.pipe(socket);
  },
};

/** Ports that decide by port alone, by the first bytes, and by a ClientHello that never comes. */
const matches: Record<string, Omit<IRouteMatch, 'ports'>> = {
  'nothing peeked': {},
  'first bytes peeked': { protocol: 'other' },
};

const startHandler = (socketHandler: TSocketHandler, match: Omit<IRouteMatch, 'ports'> = {}): Promise<IStartedProxy> =>
  startProxy({
    routes: [
      {
        name: 'handler',
        match: { ports: 0, ...match },
        action: { type: 'socket-handler', socketHandler },
        timeouts: { enableHalfOpen: true },
      },
    ],
  });

for (const [how, handler] of Object.entries(readers)) {
  for (const [what, match] of Object.entries(matches)) {
    tap.test(`a handler that reads by ${how} sees every byte with ${what}`, async () => {
      await using world = await startHandler(handler, match);
      await using client = await connectTcp(world.port);
      client.send(question);
      await delay(20);
      client.send(', and more');
      client.socket.end();
      expect((await client.end).toString()).toEqual(`${question}, and more`);
      client.socket.destroy();
    });
  }
}

tap.test('a handler on a port that needs no bytes may speak first', async () => {
  await using world = await startHandler((socket) => void socket.end('220 hello\r\n'));
  await using client = await connectTcp(world.port);
  expect((await client.end).toString()).toEqual('220 hello\r\n');
  expect(await world.ends()).toEqual(['normal']);
});

for (const [what, match] of Object.entries(matches)) {
  tap.test(`a handler that answers without reading is done when the client is, with ${what}`, async () => {
    await using world = await startProxy({
      routes: [
        {
          name: 'curt',
          match: { ports: 0, ...match },
          action: { type: 'socket-handler', socketHandler: (socket) => void socket.end('no\r\n') },
        },
      ],
    });
    await using client = await connectTcp(world.port);
    client.send('a question\r\nof some length\r\n');
    expect((await client.end).toString()).toEqual('no\r\n');
    expect(await world.ends()).toEqual(['normal']);
  });
}

tap.test('a handler is told about the connection', async () => {
  let seen: object = {};
  await using world = await startHandler((socket, context) => {
    const { clientIp, port, routeName, isTls } = context;
    seen = { clientIp, port, routeName, isTls, aborted: context.signal.aborted };
    socket.end();
  });
  await using client = await connectTcp(world.port);
  await client.end;
  expect(seen).toEqual({ clientIp: '127.0.0.1', port: world.port, routeName: 'handler', isTls: false, aborted: false });
});

tap.test('a handler that has ended its side does not keep a client that stays for ever', async () => {
  await using world = await startProxy({
    routes: [
      {
        match: { ports: 0 },
        action: { type: 'socket-handler', socketHandler: (socket) => void socket.end('bye') },
        timeouts: { halfOpenTimeout: 80 },
      },
    ],
  });
  await using client = await connectTcp(world.port, { allowHalfOpen: true });
  expect((await client.end).toString()).toEqual('bye');
  expect(await world.ends()).toEqual(['half_open_timeout']);
});

tap.test('the signal aborts when the client leaves', async () => {
  let aborted: Promise<unknown> = Promise.resolve();
  await using world = await startHandler((_socket, { signal }) => {
    aborted = new Promise((resolve) => signal.addEventListener('abort', resolve));
  });
  await using client = await connectTcp(world.port);
  await delay(20);
  client.socket.resetAndDestroy();
  await aborted;
  expect(await world.ends()).toEqual(['client_error']);
});

for (const [how, handler] of Object.entries<TSocketHandler>({
  throws: () => {
    throw new Error('thrown on purpose');
  },
  rejects: async () => {
    await delay(5);
    throw new Error('rejected on purpose');
  },
})) {
  tap.test(`a handler that ${how} ends its own connection and no other`, async () => {
    let calls = 0;
    await using world = await startHandler((socket, context) => {
      if (calls++ === 0) return handler(socket, context);
      socket.end('fine');
    });
    await using unlucky = await connectTcp(world.port);
    await unlucky.closed;
    expect(await world.ends()).toEqual(['handler_error']);
    await using lucky = await connectTcp(world.port);
    expect((await lucky.end).toString()).toEqual('fine');
  });
}

/** Handlers often clear a socket before they hand it to something else. */
for (const [what, clear] of Object.entries<(socket: Socket) => void>({
  'all listeners': (socket) => void socket.removeAllListeners(),
  'the listeners of errors': (socket) => void socket.removeAllListeners('error'),
  'the listeners of closing': (socket) => void socket.removeAllListeners('close'),
})) {
  for (const [matching, match] of Object.entries(matches)) {
    tap.test(`a handler that removes ${what} still has a connection that ends, with ${matching}`, async () => {
      await using world = await startHandler((socket) => {
        for (let time = 0; time < 3; time++) clear(socket);
        socket.resume();
        socket.write('here');
      }, match);
      const escaped: Error[] = [];
      const catchError = (error: Error) => void escaped.push(error);
      process.on('uncaughtException', catchError);
      await using client = await connectTcp(world.port);
      client.send(question);
      await client.receive(4);
      client.socket.resetAndDestroy();
      expect(await world.ends()).toEqual(['client_error']);
      await using other = await connectTcp(world.port);
      other.send(question);
      await other.receive(4);
      await world.proxy.stop({ graceMs: 0 });
      expect(await world.ends()).toEqual(['shutdown']);
      process.off('uncaughtException', catchError);
      expect(escaped).toEqual([]);
    });
  }
}

tap.test('a handler that clears its socket, ends and is left is done', async () => {
  await using world = await startProxy({
    routes: [
      {
        match: { ports: 0 },
        action: {
          type: 'socket-handler',
          socketHandler: (socket) => void socket.removeAllListeners().resume().end('bye'),
        },
        timeouts: { halfOpenTimeout: 80 },
      },
    ],
  });
  await using client = await connectTcp(world.port, { allowHalfOpen: true });
  expect((await client.end).toString()).toEqual('bye');
  expect(await world.ends()).toEqual(['half_open_timeout']);
});

export default tap.start();
