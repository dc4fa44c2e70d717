// Writes answers to an HTTP/1.1 client: framing, and as few writes as their content allows.

import type { Socket } from 'node:net';
import type { IRequestHead, IResponseHead, TFields } from '../codec/http-message.js';
import { chunkHead, lastChunk, writeResponseHead } from '../codec/http1-write.js';

type TFraming = 'none' | 'length' | 'chunked' | 'close';

/** Content up to this many bytes is joined with what waits before it, in one write. */
const smallBytes = 4_096;
/** More does not wait to be joined. */
const pendingChars = 16_384;

export class AnswerWriter {
  readonly #socket: Socket;
  /** Text that waits to go out, one character an octet. */
  #pending = '';
  #framing: TFraming = 'none';
  /** Of a known length: bytes to come. */
  #left = 0;
  #begun = false;
  #full = false;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Whether the head of the present answer was given. */
  get begun(): boolean {
    return this.#begun;
  }

  /** Enough waits for the client; `drain` of the socket will say when there is room. */
  get isFull(): boolean {
    const socket = this.#socket;
    return socket.writableLength >= socket.writableHighWaterMark && !socket.destroyed;
  }

  /** Everything was taken by the kernel. */
  get isEmpty(): boolean {
    return this.#socket.writableLength === 0;
  }

  inform(text: string): void {
    this.#socket.write(text, 'latin1');
  }

  /** The head of an answer; false if the connection cannot be kept after it. */
  begin(head: IResponseHead, request: IRequestHead, keepAlive: boolean): boolean {
    const framing = framingOf(head, request);
    const keeps = keepAlive && framing !== 'close';
    const isOld = request.version === '1.0';
    const connection = head.status === 101 ? 'upgrade' : keeps ? (isOld ? 'keep-alive' : '') : 'close';
    const tunnels = head.status === 101 || (request.method === 'CONNECT' && head.status < 300);
    this.#begun = true;
    this.#framing = tunnels || hasNoContent(head.status, request.method) ? 'none' : framing;
    this.#left = this.#framing === 'length' ? head.contentLength : 0;
    this.#pending = writeResponseHead(head, tunnels ? 'none' : framing, connection, '1.1');
    return keeps;
  }

  /** A whole answer of our own, after which nothing follows. `method`: of what is refused, as far as it is known. */
  refuse(head: IResponseHead, body: Buffer, method: string): void {
    const content = method === 'HEAD' ? '' : body.toString('latin1');
    this.#pending += writeResponseHead(head, 'length', 'close', '1.1') + content;
    this.flush();
  }

  /** False if enough waits. */
  data(chunk: Uint8Array): boolean {
    const { length } = chunk;
    const framing = this.#framing;
    if (framing === 'none' || length === 0) return true;
    if (framing === 'length') {
      this.#left -= length;
      // A target's surplus must not become the next answer.
      if (this.#left < 0) return true;
    }
    if (length <= smallBytes && this.#pending.length + length <= pendingChars) this.#join(asBuffer(chunk), framing);
    else this.#write(chunk, framing);
    this.#full = this.isFull;
    return !this.#full;
  }

  /** False if content of a stated length is not whole: the client must not take it for complete. */
  end(trailers: TFields | null): boolean {
    this.#begun = false;
    if (this.#left !== 0) return false;
    if (this.#framing === 'chunked') this.#pending += lastChunk(trailers);
    this.flush();
    return true;
  }

  flush(): void {
    const text = this.#pending;
    if (text === '') return;
    this.#pending = '';
    this.#socket.write(text, 'latin1');
  }

  /** Whether whoever was told to wait can go on. */
  drained(): boolean {
    const was = this.#full;
    this.#full = false;
    return was;
  }

  #join(chunk: Buffer, framing: TFraming): void {
    const text = chunk.toString('latin1');
    this.#pending += framing === 'chunked' ? `${chunkHead(chunk.length)}${text}\r\n` : text;
  }

  #write(chunk: Uint8Array, framing: TFraming): void {
    const socket = this.#socket;
    const before = framing === 'chunked' ? this.#pending + chunkHead(chunk.length) : this.#pending;
    this.#pending = '';
    if (before === '' && framing !== 'chunked') {
      socket.write(chunk);
      return;
    }
    socket.cork();
    if (before !== '') socket.write(before, 'latin1');
    socket.write(chunk);
    if (framing === 'chunked') socket.write('\r\n', 'latin1');
    socket.uncork();
  }
}

/** RFC 9110 §6.4.1 */
const hasNoContent = (status: number, method: string): boolean =>
  method === 'HEAD' || status === 204 || status === 304 || status < 200;

function framingOf({ status, contentLength }: IResponseHead, { method, version }: IRequestHead): TFraming {
  if (status === 204 || status < 200) return 'none';
  if (contentLength >= 0) return 'length';
  if (hasNoContent(status, method)) return 'none';
  return version === '1.0' ? 'close' : 'chunked';
}

const asBuffer = (chunk: Uint8Array): Buffer =>
  Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
