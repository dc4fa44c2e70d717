// What stands behind the proxies. A message `{ listen: KIND, ... }` opens one more listener and is answered by its port.
//
//   echo    gives back what it gets
//   sink    reads an 8-byte count, then that many bytes, and answers with one byte
//   source  reads an 8-byte count and sends that many bytes
//   tls     completes the handshake; needs `key` and `cert`
//   upload, webSocket: see http-origins.mjs

import { createServer } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { upload, webSocket } from './http-origins.mjs';

const block = Buffer.alloc(256 * 1024, 'b');

function echo(socket) {
  socket.on('data', (chunk) => socket.write(chunk));
  socket.on('end', () => socket.end());
}

function sink(socket) {
  let wanted = null;
  let got = 0;
  socket.on('data', (chunk) => {
    if (wanted === null) {
      wanted = Number(chunk.readBigUInt64BE());
      got = -8;
    }
    got += chunk.length;
    if (got >= wanted) socket.write('.');
  });
  socket.on('end', () => socket.end());
}

function source(socket) {
  socket.once('data', (chunk) => {
    let left = Number(chunk.readBigUInt64BE());
    const send = () => {
      while (left > 0) {
        const size = Math.min(left, block.length);
        left -= size;
        if (!socket.write(size === block.length ? block : block.subarray(0, size))) return;
      }
    };
    socket.on('drain', send);
    send();
    socket.resume();
  });
  socket.on('end', () => socket.end());
}

const kinds = { echo, sink, source, upload, webSocket };

function serve(serveSocket) {
  return (socket) => {
    socket.on('error', () => socket.destroy());
    serveSocket(socket);
  };
}

function open({ listen, key, cert }) {
  const options = { noDelay: true, allowHalfOpen: true };
  if (listen !== 'tls') return createServer(options, serve(kinds[listen]));
  return createTlsServer({ key, cert, noDelay: true }, (socket) => {
    socket.on('error', () => socket.destroy());
    socket.resume();
  }).on('tlsClientError', () => {});
}

process.on('message', (request) => {
  const server = open(request);
  server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 }, () => {
    process.send({ id: request.id, port: server.address().port });
  });
});
process.on('disconnect', () => process.exit());
process.send({ ready: true });
