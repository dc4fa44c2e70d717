// Connections that are opened, used once and kept.

import { once } from 'node:events';
import { connect } from 'node:net';

let held = [];

/** Opens one and asks for an echo of its own number, so that mixed-up connections are noticed. */
function openOne(port, number) {
  return new Promise((resolve, reject) => {
    const message = `connection ${number} `.padEnd(64, '.');
    let answer = '';
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    socket.on('connect', () => socket.write(message));
    socket.on('data', (chunk) => {
      answer += chunk.latin1Slice();
      if (answer.length < message.length) return;
      if (answer === message) resolve(socket);
      else reject(new Error(`connection ${number} got another's answer`));
    });
    socket.on('error', reject);
    socket.on('close', () => reject(new Error(`connection ${number} was closed`)));
  });
}

/** `count` more connections, `atOnce` being opened at a time. */
export async function open({ port, count, atOnce }) {
  let next = 0;
  const run = async () => {
    while (next < count) held.push(await openOne(port, next++));
  };
  await Promise.all(Array.from({ length: atOnce }, run));
  return { done: count, alive: held.filter((socket) => !socket.destroyed).length };
}

/** Closes all of them in order; resolves when both sides of each have closed. */
export async function close() {
  const alive = held.filter((socket) => !socket.destroyed);
  held = [];
  const gone = alive.map((socket) => once(socket, 'close'));
  for (const socket of alive) socket.end();
  await Promise.all(gone);
  return { done: alive.length };
}
