// Large answers, one after the other on connections that stay.

import { connect } from 'node:net';
import { host } from '../lib/http-plan.mjs';

/** `connections` at a time, each asks `perConnection` times for `path`, whose content has `bytes` bytes. */
export function download({ port, connections, perConnection, path, bytes }) {
  const request = `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
  // One for all: only heads are looked at, before the next read.
  const buffer = Buffer.alloc(256 * 1024);

  function one() {
    return new Promise((resolve, reject) => {
      let left = perConnection;
      let head = '';
      /** Content still to come; null before its head is there. */
      let missing = null;
      const begin = (count, chunk) => {
        head += chunk.latin1Slice(0, count);
        const end = head.indexOf('\r\n\r\n');
        if (end < 0) return 0;
        const length = /\r\ncontent-length: *(\d+)/i.exec(head.slice(0, end));
        const isChunked = !length && /\r\ntransfer-encoding: *chunked/i.test(head.slice(0, end));
        if (!head.startsWith('HTTP/1.1 200 ') || isChunked || Number(length?.[1]) !== bytes) {
          reject(new Error(`answered: ${head.slice(0, end)}`));
        }
        missing = bytes;
        const rest = head.length - end - 4;
        head = '';
        return rest;
      };
      const take = (count, chunk) => {
        const content = missing === null ? begin(count, chunk) : count;
        if (missing === null) return true;
        missing -= content;
        if (missing > 0) return true;
        if (missing < 0) reject(new Error('more content than announced'));
        missing = null;
        if (--left > 0) socket.write(request);
        else socket.end();
        return true;
      };
      const socket = connect({ port, host: '127.0.0.1', noDelay: true, onread: { buffer, callback: take } });
      socket.on('connect', () => socket.write(request));
      socket.on('error', reject);
      socket.on('close', () => (left === 0 ? resolve() : reject(new Error('closed before all was answered'))));
    });
  }

  const done = connections * perConnection;
  return Promise.all(Array.from({ length: connections }, one)).then(() => ({ done, bytes: done * bytes }));
}
