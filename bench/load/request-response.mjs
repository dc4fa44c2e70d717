// Small messages to and fro on connections that stay.

import { connect } from 'node:net';

/** Every connection sends a message, waits for its echo, and sends the next. */
export function requestResponse({ port, connections, perConnection, bytes }) {
  // One buffer for all: it is looked at before the next read fills it again.
  const buffer = Buffer.alloc(64 * 1024);
  const message = Buffer.alloc(bytes, 'm');

  function one() {
    return new Promise((resolve, reject) => {
      let left = perConnection;
      let got = 0;
      const take = (count, chunk) => {
        if (message.compare(chunk, 0, count, got, got + count) !== 0) reject(new Error('the echo differs'));
        got += count;
        if (got < bytes) return true;
        got = 0;
        if (--left > 0) socket.write(message);
        else socket.end();
        return true;
      };
      const socket = connect({ port, host: '127.0.0.1', noDelay: true, onread: { buffer, callback: take } });
      socket.on('connect', () => socket.write(message));
      socket.on('error', reject);
      socket.on('close', () => (left === 0 ? resolve() : reject(new Error('closed before all was answered'))));
    });
  }

  return Promise.all(Array.from({ length: connections }, one)).then(() => ({ done: connections * perConnection }));
}
