// The content of a request: JSON, within limits for one and for all at a time.

import type { IncomingMessage } from 'node:http';
import { AdminError } from './admin-error.js';

/** Of one request: more than ten thousand routes are. */
export const maxBodyBytes = 8 * 1024 * 1024;

/** Of all requests at a time. */
export const maxBodiesBytes = 4 * maxBodyBytes;

export class BodyReader {
  #held = 0;

  /** What is held at present, in bytes. */
  get held(): number {
    return this.#held;
  }

  /** undefined: there is no content. @throws AdminError */
  async read(request: IncomingMessage): Promise<unknown> {
    if (Number(request.headers['content-length'] ?? 0) > maxBodyBytes) throw tooLarge();
    const chunks: Buffer[] = [];
    let bytes = 0;
    try {
      await new Promise<void>((resolve, reject) => {
        request.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          this.#held += chunk.length;
          chunks.push(chunk);
          if (bytes <= maxBodyBytes && this.#held <= maxBodiesBytes) return;
          // The rest is not read: the answer comes first, and then the end.
          request.removeAllListeners('data').pause();
          reject(bytes > maxBodyBytes ? tooLarge() : new AdminError(503, 'TOO_BUSY', 'too much comes at a time'));
        });
        request.on('end', resolve);
        request.on('close', () => reject(new AdminError(400, 'JSON_WRONG', 'the content broke off')));
      });
    } finally {
      this.#held -= bytes;
    }
    return bytes === 0 ? undefined : parse(Buffer.concat(chunks, bytes));
  }
}

const tooLarge = () => new AdminError(413, 'TOO_LARGE', `want at most ${maxBodyBytes} bytes`);

function parse(content: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(content));
  } catch {
    throw new AdminError(400, 'JSON_WRONG', 'want JSON in UTF-8');
  }
}
