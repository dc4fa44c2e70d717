// Follows the frames of one direction of a WebSocket (RFC 6455 §5) by their headers alone: content is neither read nor kept.

import type { Socket } from 'node:net';
import * as plugins from '../plugins.js';

/** Whom a gate tells what it sees. Called in the midst of `pass`: nothing may be ended before that has returned. */
export interface IGateListener {
  /** The sender's Close is wholly here; it sends nothing more. */
  closeSeen(): void;
  /** A message is larger than it may be. The frame that made it so goes no further, and a Close went out in its place. */
  tooLarge(): void;
}

/** Of RFC 6455 §5.2, those that matter here. */
const op = { continuation: 0x0, close: 0x8, ping: 0x9 } as const;
/** Control frames have no more content (§5.5). */
const controlLimitBytes = 125;
/** What stands in front of a frame's content: two bytes, eight of length, four of mask. */
const headerLimitBytes = 14;

const nothing = Buffer.alloc(0);

/**
 * One direction. What its sender sends goes through `pass`; frames of our own go out where one of the sender's has ended.
 * After a Close nothing more goes out (§5.5.1), but the sender's frames are followed until its own Close.
 */
export class FrameGate {
  readonly #to: Socket;
  readonly #masked: boolean;
  readonly #maxPayload: number;
  readonly #listener: IGateListener;
  #closed = false;
  #senderClosed = false;

  // --- the sender's present frame ---
  /** Bytes of its header that were read, and all that it has; none between frames. */
  #headerRead = 0;
  #headerBytes = 0;
  #lengthEnd = 0;
  #opcode = 0;
  #length = 0;
  /** Bytes of its content that are still to come. */
  #left = 0;
  /** Of the present message, in its frames so far. */
  #messageBytes = 0;
  /** Where a limit may refuse a frame, the parts of its header that came before the last one wait here. */
  readonly #header: Buffer | null;
  #heldBytes = 0;

  /** Ours, until the sender's frame has ended. */
  #ping: Buffer | null = null;
  #close: Buffer | null = null;

  // --- while `pass` is at work ---
  #chunk: Buffer = nothing;
  /** Up to where the chunk has gone out, or was left out. */
  #from = 0;
  #out: Buffer = nothing;

  /** `masked`: frames of our own go to a server (§5.3). `maxPayload`: bytes of a message; 0: no limit. */
  constructor(to: Socket, masked: boolean, maxPayload: number, listener: IGateListener) {
    this.#to = to;
    this.#masked = masked;
    this.#maxPayload = maxPayload;
    this.#listener = listener;
    this.#header = maxPayload > 0 ? Buffer.alloc(headerLimitBytes) : null;
  }

  /** A Close has gone out, ours or the sender's. */
  get closed(): boolean {
    return this.#closed;
  }

  get senderClosed(): boolean {
    return this.#senderClosed;
  }

  /** A ping of ours waits for the end of the sender's frame. */
  get pingWaits(): boolean {
    return this.#ping !== null;
  }

  /** What goes out in place of the chunk: itself as a rule. Its memory is the chunk's. */
  pass(chunk: Buffer): Buffer {
    // In the midst of a large frame.
    if (this.#left > chunk.length && !this.#closed) {
      this.#left -= chunk.length;
      return chunk;
    }
    this.#chunk = chunk;
    this.#from = 0;
    this.#out = nothing;
    let at = 0;
    while (at < chunk.length && !this.#senderClosed) {
      if (this.#left === 0) at = this.#readHeader(at);
      const taken = Math.min(this.#left, chunk.length - at);
      this.#left -= taken;
      at += taken;
      if (this.#left === 0 && this.#headerRead === 0) this.#frameEnded(at);
    }
    const held = this.#header === null ? 0 : this.#headerRead;
    this.#emit(Math.max(this.#from, chunk.length - held));
    this.#heldBytes = held;
    this.#chunk = nothing;
    return this.#out;
  }

  /** Asks the receiver for a Pong. Empty, so that its answer, which the other side hears, means nothing there (§5.5.3). */
  ping(): void {
    if (this.#closed || this.#ping !== null) return;
    this.#ping = makeFrame(op.ping, nothing, this.#masked);
    this.#sendWaiting();
  }

  /** Closes this direction (§7.4.1 has the codes). */
  close(code: number): void {
    if (this.#closed || this.#close !== null) return;
    this.#close = closeFrame(code, this.#masked);
    this.#sendWaiting();
  }

  /** Outside of `pass`; within it the end of a frame does it. */
  #sendWaiting(): void {
    if (this.#chunk.length > 0 || this.#left > 0 || this.#headerRead > 0) return;
    const frames = this.#takeWaiting();
    if (!this.#to.writableEnded) this.#to.write(frames);
  }

  #takeWaiting(): Buffer {
    const frames = Buffer.concat([this.#ping ?? nothing, this.#close ?? nothing]);
    if (this.#close !== null) this.#closed = true;
    this.#ping = null;
    this.#close = null;
    return frames;
  }

  /** @returns the place behind what of the header is there; `#headerRead` is 0 if that is all. */
  #readHeader(from: number): number {
    const chunk = this.#chunk;
    let at = from;
    while (at < chunk.length) {
      this.#readHeaderByte(chunk[at] as number);
      at += 1;
      if (this.#headerRead < 2 || this.#headerRead < this.#headerBytes) continue;
      this.#headerRead = 0;
      this.#headerEnded(from);
      break;
    }
    return at;
  }

  #readHeaderByte(byte: number): void {
    const place = this.#headerRead;
    if (this.#header !== null) this.#header[place] = byte;
    this.#headerRead = place + 1;
    if (place === 0) {
      this.#opcode = byte & 0x0f;
    } else if (place === 1) {
      const short = byte & 0x7f;
      const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0;
      this.#lengthEnd = 2 + lengthBytes;
      this.#headerBytes = this.#lengthEnd + (byte & 0x80 ? 4 : 0);
      this.#length = lengthBytes === 0 ? short : 0;
    } else if (place < this.#lengthEnd) {
      this.#length = this.#length * 256 + byte;
    }
  }

  #headerEnded(start: number): void {
    const isControl = this.#opcode >= op.close;
    if (!isControl && this.#opcode !== op.continuation) this.#messageBytes = 0;
    if (!isControl) this.#messageBytes += this.#length;
    this.#left = this.#length;
    if (this.#maxPayload === 0) return;
    const tooLarge = isControl ? this.#length > controlLimitBytes : this.#messageBytes > this.#maxPayload;
    if (tooLarge && !this.#closed) return this.#refuse(start);
    if (this.#heldBytes > 0 && !this.#closed)
      this.#add(Buffer.from((this.#header as Buffer).subarray(0, this.#heldBytes)));
    this.#heldBytes = 0;
  }

  #refuse(start: number): void {
    if (this.#heldBytes === 0) this.#emit(start);
    this.#add(closeFrame(1009, this.#masked));
    this.#closed = true;
    this.#listener.tooLarge();
  }

  #frameEnded(at: number): void {
    if (this.#opcode === op.close) {
      this.#senderClosed = true;
      this.#close = null;
      this.#emit(at);
      this.#closed = true;
      this.#listener.closeSeen();
    } else if (this.#ping !== null || this.#close !== null) {
      this.#emit(at);
      this.#add(this.#takeWaiting());
    }
  }

  /** Puts out what there is of the chunk before `until`. */
  #emit(until: number): void {
    const from = this.#from;
    this.#from = until;
    if (this.#closed || until <= from) return;
    this.#add(until - from === this.#chunk.length ? this.#chunk : this.#chunk.subarray(from, until));
  }

  #add(bytes: Buffer): void {
    this.#out = this.#out.length === 0 ? bytes : Buffer.concat([this.#out, bytes]);
  }
}

const closeFrame = (code: number, masked: boolean): Buffer =>
  makeFrame(op.close, Buffer.from([code >> 8, code & 0xff]), masked);

/** A control frame. */
function makeFrame(opcode: number, content: Buffer, masked: boolean): Buffer {
  const header = Buffer.from([0x80 | opcode, content.length | (masked ? 0x80 : 0)]);
  if (!masked) return Buffer.concat([header, content]);
  const mask = plugins.crypto.randomBytes(4);
  return Buffer.concat([header, mask, content.map((byte, at) => byte ^ (mask[at & 3] as number))]);
}
