// A peer of HTTP/2 that sends whatever it is told to, and shows each frame that it gets.

import type { Socket } from 'node:net';
import net from 'node:net';
import { HpackDecoder } from '../../ts/codec/hpack-decoder.js';
import { h2Preface } from '../../ts/codec/http2-frame.js';
import { type IRawFrame, rawPing, rawSettings, readRawFrames } from './h2-raw-frames.js';

export * from './h2-raw-frames.js';

/** One end of a connection, whose other end is tested. Disposing of it closes the socket. */
export class RawPeer {
  readonly socket: Socket;
  /** What was received and not taken by `next`. */
  readonly frames: IRawFrame[] = [];
  /** With it frames go there as they come, and to nobody else. */
  heard: ((frame: IRawFrame) => void) | null = null;
  /** The other end has ended its side, or the connection is gone. */
  ended = false;
  #rest = Buffer.alloc(0);
  #preface: number;
  readonly #waiting = new Set<() => void>();
  readonly #decoder = new HpackDecoder({ maxTableBytes: 4_096, maxListBytes: 1_048_576, maxFields: 1_000 });

  /** `expectsPreface`: this end is the server. */
  constructor(socket: Socket, expectsPreface: boolean) {
    this.socket = socket;
    this.#preface = expectsPreface ? h2Preface.length : 0;
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.on('data', (chunk) => this.#read(chunk));
    const end = () => {
      this.ended = true;
      this.#wake();
    };
    socket.on('end', end);
    socket.on('close', end);
  }

  send(...frames: Uint8Array[]): void {
    this.socket.write(Buffer.concat(frames));
  }

  /** What a connection begins with; as a client with the preface. */
  begin(...settings: number[]): void {
    this.send(this.#preface > 0 ? Buffer.alloc(0) : h2Preface, rawSettings(...settings));
  }

  /** Takes the next frame with this name (of this stream), whatever came before it; that is dropped. */
  async next(name: string, stream?: number): Promise<IRawFrame> {
    const seen: string[] = [];
    for (;;) {
      const frame = this.frames.shift();
      if (frame !== undefined) {
        if (frame.name === name && (stream === undefined || frame.stream === stream)) return frame;
        seen.push(`${frame.name} ${frame.stream} ${frame.payload.toString('latin1', 0, 60)}`);
      } else if (this.ended) throw new Error(`the connection ended before ${name}; seen: ${seen.join(', ')}`);
      else await this.#more(() => `${name} ${stream ?? ''}; seen: ${seen.join(', ')}`);
    }
  }

  /** Until all that was sent before is answered; what came meanwhile. Needs a peer that answers PING. */
  async sync(): Promise<IRawFrame[]> {
    this.send(rawPing(`sync${String(++syncs).padStart(4, '0')}`));
    const mark = String(syncs).padStart(4, '0');
    for (;;) {
      const at = this.frames.findIndex(
        ({ name, payload }) => name === 'PING' && payload.toString('latin1') === `sync${mark}`,
      );
      if (at >= 0) return this.frames.splice(0, at + 1).slice(0, -1);
      if (this.ended) throw new Error(`the connection ended: ${this.frames.map(({ name }) => name).join(', ')}`);
      await this.#more(() => `sync; seen: ${this.frames.map(({ name }) => name).join(', ')}`);
    }
  }

  async untilEnded(): Promise<void> {
    while (!this.ended) await this.#more(() => 'the end');
  }

  /** A header block that it got. To be called for each, in order: the table of the compression needs all. */
  fields({ flags, payload, name }: IRawFrame): string[] {
    if (name !== 'HEADERS' || (flags & 4) === 0) throw new Error('not a whole header block');
    const from = (flags & 8) === 0 ? 0 : 1;
    const fields = this.#decoder.decode(payload.subarray(from, payload.length - (from === 1 ? (payload[0] ?? 0) : 0)));
    if (fields === null) throw new Error('not a header block');
    return fields;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.destroy();
  }

  #read(chunk: Buffer): void {
    const skipped = Math.min(this.#preface, chunk.length);
    this.#preface -= skipped;
    const { frames, rest } = readRawFrames(Buffer.concat([this.#rest, chunk.subarray(skipped)]));
    this.#rest = Buffer.from(rest);
    const { heard } = this;
    if (heard !== null) return frames.forEach(heard);
    this.frames.push(...frames);
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  async #more(want: () => string): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`nothing more came: ${want()}`)), patienceMs);
      this.#waiting.add(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}

/** A client that has sent its preface and its settings. */
export async function connectRaw(port: number, ...settings: number[]): Promise<RawPeer> {
  const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  const peer = new RawPeer(socket, false);
  await new Promise((resolve) => socket.once('connect', resolve));
  peer.begin(...settings);
  return peer;
}

export interface IRawServer extends AsyncDisposable {
  readonly port: number;
  /** The next connection that comes. It has sent its settings. */
  accept(): Promise<RawPeer>;
}

export async function startRawServer(...settings: number[]): Promise<IRawServer> {
  const peers: RawPeer[] = [];
  const all: RawPeer[] = [];
  let wake: () => void = () => {};
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    const peer = new RawPeer(socket, true);
    peer.begin(...settings);
    peers.push(peer);
    all.push(peer);
    wake();
  });
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  return {
    port: (server.address() as net.AddressInfo).port,
    async accept() {
      while (peers.length === 0) await new Promise<void>((resolve) => (wake = resolve));
      return peers.shift() as RawPeer;
    },
    async [Symbol.asyncDispose]() {
      for (const { socket } of all) socket.destroy();
      server.close();
    },
  };
}

/** For a frame that does not come: a test fails by it, it never passes by it. */
const patienceMs = 15_000;
let syncs = 0;
