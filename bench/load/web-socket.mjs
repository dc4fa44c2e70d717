// Messages to and fro on WebSockets that stay.

import { connect } from 'node:net';
import { host } from '../lib/http-plan.mjs';
import { clientFrame, nonce, serverFrame } from './http-origins.mjs';

const handshake = [
  'GET /socket HTTP/1.1',
  `Host: ${host}`,
  ...['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', `Sec-WebSocket-Key: ${nonce}`],
  ...['', ''],
].join('\r\n');
/** RFC 6455 §1.3: what belongs to its sample nonce. */
const accept = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';

/** Every connection sends a message, waits for the answer, and sends the next. */
export function webSocket({ port, connections, perConnection }) {
  function one() {
    return new Promise((resolve, reject) => {
      let left = perConnection;
      let head = '';
      let isOpen = false;
      let got = 0;
      const socket = connect({ port, host: '127.0.0.1', noDelay: true });
      const open = (chunk) => {
        head += chunk.latin1Slice();
        if (!head.includes('\r\n\r\n')) return;
        isOpen = head.startsWith('HTTP/1.1 101 ') && head.includes(accept);
        if (isOpen) socket.write(clientFrame);
        else reject(new Error(`answered: ${head.slice(0, 200)}`));
      };
      const take = (chunk) => {
        if (serverFrame.compare(chunk, 0, chunk.length, got, got + chunk.length) !== 0) {
          reject(new Error('the answer differs'));
        }
        got += chunk.length;
        if (got < serverFrame.length) return;
        got = 0;
        if (--left > 0) socket.write(clientFrame);
        else socket.destroy();
      };
      socket.on('connect', () => socket.write(handshake));
      socket.on('data', (chunk) => (isOpen ? take(chunk) : open(chunk)));
      socket.on('error', reject);
      socket.on('close', () => (left === 0 ? resolve() : reject(new Error('closed before all was answered'))));
    });
  }

  return Promise.all(Array.from({ length: connections }, one)).then(() => ({ done: connections * perConnection }));
}
