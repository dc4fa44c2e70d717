// Connections over TLS that have asked for something once, by HTTP/2 or HTTP/1.1, and are kept.

import { once } from 'node:events';
import { connect } from 'node:tls';
import { host } from '../lib/http-plan.mjs';

const frame = (type, flags, stream, payload) => {
  const head = Buffer.from([0, 0, payload.length, type, flags, 0, 0, 0, stream]);
  return Buffer.concat([head, payload]);
};

/** GET, https, `/small` (RFC 7541: three from the static table, two literals). */
const block = Buffer.concat([
  Buffer.from([0x82, 0x87, 0x04, 6]),
  Buffer.from('/small'),
  Buffer.from([0x01, host.length]),
  Buffer.from(host),
]);
const ask = {
  h2: Buffer.concat([
    Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
    frame(4, 0, 0, Buffer.alloc(0)),
    frame(4, 1, 0, Buffer.alloc(0)),
    frame(1, 5, 1, block),
  ]),
  'http/1.1': Buffer.from(`GET /small HTTP/1.1\r\nHost: ${host}\r\n\r\n`),
};

let held = [];

/** Until the content of `/small` has come: a hundred times the same letter. */
function openOne({ port, ca, protocol }) {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect({ port, host: '127.0.0.1', servername: host, ca, ALPNProtocols: [protocol] });
    socket.on('secureConnect', () => socket.write(ask[protocol]));
    socket.on('data', (chunk) => {
      answer += chunk.latin1Slice();
      if (answer.includes('o'.repeat(100))) resolve(socket);
    });
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('a connection was closed')));
  });
}

/** `count` more connections, `atOnce` being opened at a time. */
export async function openHttps({ count, atOnce, ...how }) {
  let next = 0;
  const run = async () => {
    while (next++ < count) held.push(await openOne(how));
  };
  await Promise.all(Array.from({ length: atOnce }, run));
  return { done: count, alive: held.filter((socket) => !socket.destroyed).length };
}

export async function closeHttps() {
  const all = held;
  held = [];
  const gone = all.filter((socket) => !socket.destroyed).map((socket) => once(socket, 'close'));
  for (const socket of all) socket.destroy();
  await Promise.all(gone);
  return { done: all.length };
}
