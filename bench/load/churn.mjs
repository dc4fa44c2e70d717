// Connections that come, ask once and go.

import { connect } from 'node:net';

function visit(port, message) {
  return new Promise((resolve, reject) => {
    let got = 0;
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    socket.on('connect', () => socket.write(message));
    socket.on('data', (chunk) => {
      got += chunk.length;
      if (got === message.length) socket.end();
    });
    socket.on('error', reject);
    socket.on('close', () => (got === message.length ? resolve() : reject(new Error('closed before the answer'))));
  });
}

/**
 * `count` visits, `atOnce` at a time; a visit is over when both sides have closed. `hex`: what is sent and must come
 * back, by default 128 bytes.
 */
export async function churn({ port, count, atOnce, hex }) {
  const message = hex === undefined ? Buffer.alloc(128, 'm') : Buffer.from(hex, 'hex');
  let left = count;
  const run = async () => {
    while (left > 0) {
      left--;
      await visit(port, message);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, run));
  return { done: count };
}
