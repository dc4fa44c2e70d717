// HTTP targets that the load generator's process serves, as plain as they can be: they know who asks.

import { createHash } from 'node:crypto';

const headEnd = Buffer.from('\r\n\r\n');
const lastChunk = Buffer.from('0\r\n\r\n');
const answer = Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');

/** Answers each request when its content is complete. Contents hold no zero: the last chunk's is found by looking. */
export function upload(socket) {
  let head = '';
  /** Of the content, with `Content-Length`; null while it is chunked. */
  let left = 0;
  let inContent = false;
  /** The last bytes of what came in chunks. */
  let tail = Buffer.alloc(0);

  function finish() {
    head = '';
    inContent = false;
    tail = Buffer.alloc(0);
    socket.write(answer);
  }

  function takeContent(chunk) {
    if (left === null) {
      tail = Buffer.concat([tail, chunk.subarray(-lastChunk.length)]).subarray(-lastChunk.length);
      if (tail.equals(lastChunk)) finish();
      return;
    }
    left -= chunk.length;
    if (left < 0) socket.destroy(new Error('more content than announced'));
    if (left === 0) finish();
  }

  socket.on('data', (chunk) => {
    if (inContent) return takeContent(chunk);
    head += chunk.latin1Slice();
    const end = head.indexOf('\r\n\r\n');
    if (end < 0) return;
    const length = /\r\ncontent-length: *(\d+)/i.exec(head.slice(0, end));
    left = length ? Number(length[1]) : null;
    inContent = true;
    const rest = Buffer.from(head.slice(end + headEnd.length), 'latin1');
    if (rest.length > 0) takeContent(rest);
  });
  socket.on('end', () => socket.end());
}

/** Size of the payload of a message. One that fits a frame with the shortest head (RFC 6455 §5.2). */
export const payloadBytes = 100;
/** Final, binary; a client's frame has four bytes of mask, all zero here, so that the payload is readable as it is. */
export const clientFrame = Buffer.concat([
  Buffer.from([0x82, 0x80 | payloadBytes, 0, 0, 0, 0]),
  Buffer.alloc(payloadBytes, 'w'),
]);
export const serverFrame = Buffer.concat([Buffer.from([0x82, payloadBytes]), Buffer.alloc(payloadBytes, 'w')]);
/** RFC 6455 §1.3: the answer to its sample nonce. */
export const nonce = 'dGhlIHNhbXBsZSBub25jZQ==';

/** RFC 6455 §1.3, with the accept value that belongs to the key. */
function switching(key) {
  const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  const fields = ['Connection: Upgrade', 'Upgrade: websocket', `Sec-WebSocket-Accept: ${accept}`];
  return ['HTTP/1.1 101 Switching Protocols', ...fields, '', ''].join('\r\n');
}

/** Answers every frame by one. Masks are of the peer's choice: a proxy with a WebSocket client of its own makes new ones. */
export function webSocket(socket) {
  let head = '';
  let isOpen = false;
  let got = 0;
  socket.on('data', (chunk) => {
    if (!isOpen) {
      head += chunk.latin1Slice();
      if (!head.includes('\r\n\r\n')) return;
      isOpen = true;
      socket.write(switching(/\r\nsec-websocket-key: *(\S+)/i.exec(head)?.[1]));
      return;
    }
    for (got += chunk.length; got >= clientFrame.length; got -= clientFrame.length) socket.write(serverFrame);
  });
  socket.on('end', () => socket.end());
}
