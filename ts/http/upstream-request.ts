// The request's half of a target's HTTP/1.1 connection: head and content in as few writes as can be, framed by us.

import type { Socket } from 'node:net';
import type { IRequestHead, TFields } from '../codec/http-message.js';
import { chunkHead, chunkTail, lastChunk, writeRequestHead } from '../codec/http1-write.js';

/** Content up to so many bytes is joined with what stands before it; copying more costs more than a second buffer. */
const maxJoinedBytes = 8192;
/** Content up to so many bytes waits for more of it until the end of the tick, or until there is `joinedChars` of it. */
const smallBytes = 512;
const joinedChars = 8_192;
/** So many bytes go into an empty send buffer all at once or not at all. */
const maxAtomicBytes = 16_384;

/** One for all requests of a connection. Each method but `begin` and `reset` is called between a `begin` and `done`. */
export class UpstreamRequest {
  readonly #socket: Socket;
  /** Of the content: what is still to come, -1 for chunks. */
  #owed = 0;
  /** The head, until there is something to write with it. */
  #waiting = '';
  #writes = 0;
  #firstBytes = 0;
  /** Content in small pieces that goes out as one, one character an octet. */
  #small = '';
  #flushesSoon = false;
  /** All of it was given. */
  done = true;
  /** Enough waits for the kernel; `drain` of the socket will say when there is room. */
  isFull = false;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  begin(head: IRequestHead): void {
    const text = writeRequestHead(head, head.upgrade === null ? 'keep-alive' : 'upgrade');
    this.#owed = head.contentLength;
    this.#writes = 0;
    this.done = this.#owed === 0;
    this.isFull = false;
    this.#small = '';
    if (!this.done) {
      this.#waiting = text;
      return;
    }
    this.#wrote(text.length);
    this.#socket.write(text, 'latin1');
  }

  /** False: enough waits. null: it is more than the head promised, and was not sent. */
  data(chunk: Uint8Array): boolean | null {
    const { length } = chunk;
    // A chunk of no bytes would be the last one.
    if (length === 0) return true;
    if (this.#owed >= 0) {
      if (length > this.#owed) return null;
      this.#owed -= length;
    }
    if (length <= smallBytes) return this.#join(chunk);
    return this.#owed < 0 ? this.#write(chunkHead(length), chunk, chunkTail) : this.#write('', chunk, '');
  }

  /** False: it is less than the head promised, and the target waits for the rest. */
  end(trailers: TFields | null): boolean {
    if (this.#owed > 0) return false;
    const last = this.#owed < 0 ? lastChunk(trailers) : '';
    this.done = true;
    this.#writeText(last);
    return true;
  }

  flush(): void {
    this.#writeText('');
  }

  /** True if nothing was written. */
  get untold(): boolean {
    return this.#writes === 0;
  }

  /** True if a kernel that refused to write refused all of it: the first write is the only one, and could not be split. */
  get atomic(): boolean {
    return this.#writes === 1 && this.#firstBytes <= maxAtomicBytes;
  }

  /** A client that sends octet by octet costs neither us a write nor the target a chunk for each. */
  #join(chunk: Uint8Array): boolean {
    this.#small += latin1(chunk);
    if (this.#small.length >= joinedChars) this.#writeText('');
    else if (!this.#flushesSoon) {
      this.#flushesSoon = true;
      process.nextTick(this.#flushSoon);
    }
    return this.#hasRoom();
  }

  readonly #flushSoon = (): void => {
    this.#flushesSoon = false;
    if (this.#small !== '' && !this.#socket.destroyed) this.#writeText('');
  };

  /** What waits, in the order in which it goes out. */
  #takeWaiting(): string {
    const small = this.#small;
    let text = this.#waiting;
    if (small !== '') text += this.#owed < 0 ? `${chunkHead(small.length)}${small}${chunkTail}` : small;
    this.#small = '';
    this.#waiting = '';
    return text;
  }

  #writeText(after: string): void {
    const text = this.#takeWaiting() + after;
    if (text === '') return;
    this.#wrote(text.length);
    this.#socket.write(text, 'latin1');
  }

  #write(before: string, chunk: Uint8Array, after: string): boolean {
    const socket = this.#socket;
    const text = this.#takeWaiting() + before;
    const { length } = chunk;
    this.#wrote(text.length + length + after.length);
    if (text === '' && after === '') {
      socket.write(chunk);
    } else if (length <= maxJoinedBytes) {
      const joined = Buffer.allocUnsafe(text.length + length + after.length);
      joined.write(text, 0, 'latin1');
      joined.set(chunk, text.length);
      if (after !== '') joined.write(after, text.length + length, 'latin1');
      socket.write(joined);
    } else {
      socket.cork();
      if (text !== '') socket.write(text, 'latin1');
      socket.write(chunk);
      if (after !== '') socket.write(after, 'latin1');
      socket.uncork();
    }
    return this.#hasRoom();
  }

  /** `write` says "full" of every large chunk, most of which the kernel has taken by now. A destroyed socket never drains. */
  #hasRoom(): boolean {
    const socket = this.#socket;
    this.isFull = socket.writableLength >= socket.writableHighWaterMark && !socket.destroyed;
    return !this.isFull;
  }

  #wrote(bytes: number): void {
    if (this.#writes === 0) this.#firstBytes = bytes;
    this.#writes += 1;
  }
}

const latin1 = (chunk: Uint8Array): string =>
  (Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)).toString('latin1');
