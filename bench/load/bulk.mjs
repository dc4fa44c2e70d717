// Many bytes one way.

import { connect } from 'node:net';

const block = Buffer.alloc(256 * 1024, 'b');

function count(bytes) {
  const head = Buffer.alloc(8);
  head.writeBigUInt64BE(BigInt(bytes));
  return head;
}

function receiveOne(port, bytes) {
  return new Promise((resolve, reject) => {
    let got = 0;
    const callback = (length) => {
      got += length;
      if (got === bytes) socket.end();
      return true;
    };
    // The block is only written to here and never read: what it holds does not matter.
    const onread = { buffer: Buffer.allocUnsafe(block.length), callback };
    const socket = connect({ port, host: '127.0.0.1', noDelay: true, onread });
    socket.on('connect', () => socket.write(count(bytes)));
    socket.on('error', reject);
    socket.on('close', () => (got === bytes ? resolve() : reject(new Error(`got ${got} of ${bytes} bytes`))));
  });
}

function sendOne(port, bytes) {
  return new Promise((resolve, reject) => {
    let left = bytes;
    let acknowledged = false;
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    const fill = () => {
      while (left > 0) {
        const size = Math.min(left, block.length);
        left -= size;
        if (!socket.write(size === block.length ? block : block.subarray(0, size))) return;
      }
    };
    socket.on('connect', () => {
      socket.write(count(bytes));
      fill();
    });
    socket.on('drain', fill);
    socket.on('data', () => {
      acknowledged = true;
      socket.end();
    });
    socket.on('error', reject);
    socket.on('close', () => (acknowledged ? resolve() : reject(new Error('closed before all was read'))));
  });
}

async function all(one, { port, streams, bytes }) {
  await Promise.all(Array.from({ length: streams }, () => one(port, bytes)));
  return { done: streams * bytes };
}

/** From a `source` to us. */
export const receive = (amount) => all(receiveOne, amount);

/** From us to a `sink`. */
export const send = (amount) => all(sendOne, amount);
