// Requests with content, one after the other on connections that stay.

import { connect } from 'node:net';
import { host } from '../lib/http-plan.mjs';

const blockBytes = 64 * 1024;
const block = Buffer.alloc(blockBytes, 'b');
const chunk = Buffer.concat([Buffer.from(`${blockBytes.toString(16)}\r\n`), block, Buffer.from('\r\n')]);

/** `connections` at a time, each uploads `bytes` bytes (a multiple of 64 kB) `perConnection` times, by length or `chunked`. */
export function upload({ port, connections, perConnection, bytes, chunked }) {
  const framing = chunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${bytes}`;
  const head = `POST /upload HTTP/1.1\r\nHost: ${host}\r\nContent-Type: text/plain\r\n${framing}\r\n\r\n`;
  const piece = chunked ? chunk : block;

  function one() {
    return new Promise((resolve, reject) => {
      let left = perConnection;
      let blocks = 0;
      let answer = '';
      const socket = connect({ port, host: '127.0.0.1', noDelay: true });
      const fill = () => {
        while (blocks > 0) {
          blocks--;
          const more = socket.write(piece);
          if (blocks === 0 && chunked) socket.write('0\r\n\r\n');
          if (!more) return;
        }
      };
      const begin = () => {
        blocks = bytes / blockBytes;
        socket.write(head);
        fill();
      };
      socket.on('connect', begin);
      socket.on('drain', fill);
      socket.on('data', (data) => {
        answer += data.latin1Slice();
        if (!/\r\n\r\n(2\r\n)?ok(\r\n0\r\n\r\n)?$/.test(answer)) return;
        if (!answer.startsWith('HTTP/1.1 200 ') || blocks > 0) reject(new Error(`answered: ${answer.slice(0, 200)}`));
        answer = '';
        if (--left > 0) begin();
        else socket.end();
      });
      socket.on('error', reject);
      socket.on('close', () => (left === 0 ? resolve() : reject(new Error(`closed after ${answer.slice(0, 200)}`))));
    });
  }

  const done = connections * perConnection;
  return Promise.all(Array.from({ length: connections }, one)).then(() => ({ done, bytes: done * bytes }));
}
