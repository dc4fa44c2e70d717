// Either end of HTTP/2 with any number of streams at a time, on raw frames: it keeps to the windows, knows from its own frames which
// streams live, and notes what the other end does that it may not.

import net from 'node:net';
import { h2Setting } from '../../ts/codec/http2-settings.js';
import { connectRaw, type IRawFrame, RawPeer, rawPing, rawSettingsAck, rawWindowUpdate } from './h2-raw.js';
import { type IRawConnection, RawStream } from './h2-raw-stream.js';

export { RawStream } from './h2-raw-stream.js';

const firstWindow = 65_535;
const endStream = 1;
const ack = 1;

export class RawStreams implements IRawConnection {
  readonly peer: RawPeer;
  readonly live = new Map<number, RawStream>();
  /** Codes of GOAWAY that came. */
  readonly goaways: number[] = [];
  /** What the other end did and may not do. */
  readonly faults: string[] = [];
  /** Streams that this end has reset: what was sent before the other knew may still come. */
  readonly cancelled = new Set<number>();
  sendWindow = firstWindow;
  /** A server's: a stream that the client has opened. */
  opened: (stream: RawStream) => void = () => {};
  readonly #isServer: boolean;
  readonly #windowBytes: number;
  #lastId = -1;
  #firstSendWindow = firstWindow;
  #window = firstWindow;
  #out: Buffer[] = [];

  /** `windowBytes`: what the settings that were sent say of a stream's window. */
  constructor(peer: RawPeer, isServer: boolean, windowBytes: number) {
    this.peer = peer;
    this.#isServer = isServer;
    this.#windowBytes = windowBytes;
    peer.heard = (frame) => this.#hear(frame);
    for (const frame of peer.frames.splice(0)) this.#hear(frame);
    peer.socket.on('close', () => {
      for (const stream of [...this.live.values()]) stream.over();
    });
  }

  /** A request. */
  open(fields: readonly string[], end: boolean): RawStream {
    this.#lastId += 2;
    const stream = this.#make(this.#lastId);
    stream.head(fields, end);
    return stream;
  }

  /** All frames of a turn are one write. */
  send(frame: Buffer): void {
    if (this.#out.push(frame) > 1) return;
    process.nextTick(() => {
      const frames = this.#out;
      this.#out = [];
      if (!this.peer.socket.destroyed) this.peer.send(...frames);
    });
  }

  #make(id: number): RawStream {
    const stream = new RawStream(this, id, this.#firstSendWindow, this.#windowBytes);
    this.live.set(id, stream);
    return stream;
  }

  #hear(frame: IRawFrame): void {
    const { name, flags, payload } = frame;
    if (name === 'HEADERS') this.#headers(frame);
    else if (name === 'DATA') this.#data(frame);
    else if (name === 'RST_STREAM') this.#reset(frame);
    else if (name === 'WINDOW_UPDATE') this.#windowUpdate(frame);
    else if (name === 'SETTINGS' && (flags & ack) === 0) this.#settings(payload);
    else if (name === 'PING' && (flags & ack) === 0) this.send(rawPing(payload.toString('latin1'), true));
    else if (name === 'GOAWAY') this.goaways.push(payload.readUInt32BE(4));
    else if (name !== 'SETTINGS' && name !== 'PING') this.faults.push(name);
  }

  #headers(frame: IRawFrame): void {
    const { stream: id, flags } = frame;
    // The table of the compression needs all of them.
    const fields = this.peer.fields(frame);
    const isNew = this.#isServer && id > this.#lastId;
    if (isNew) this.#lastId = id;
    const stream = isNew ? this.#make(id) : this.#find(frame);
    if (stream === undefined) return;
    stream.blocks.push(fields);
    if (isNew) this.opened(stream);
    stream.tell('head');
    this.#ended(stream, flags);
  }

  #data(frame: IRawFrame): void {
    const { payload, flags } = frame;
    this.#window -= payload.length;
    if (this.#window < 0) this.faults.push('more than the window of the connection');
    if (this.#window < firstWindow / 2) {
      this.send(rawWindowUpdate(0, firstWindow - this.#window));
      this.#window = firstWindow;
    }
    const stream = this.#find(frame);
    if (stream === undefined) return;
    stream.window -= payload.length;
    if (stream.window < 0) this.faults.push(`more than the window of stream ${stream.id}`);
    stream.received += payload.length;
    stream.last = payload;
    if (stream.window < this.#windowBytes / 2 && (flags & endStream) === 0) {
      this.send(rawWindowUpdate(stream.id, this.#windowBytes - stream.window));
      stream.window = this.#windowBytes;
    }
    stream.tell('data');
    this.#ended(stream, flags);
  }

  #ended(stream: RawStream, flags: number): void {
    if ((flags & endStream) === 0 || stream.isOver) return;
    stream.gotEnd = true;
    stream.tell('end');
  }

  #reset({ stream: id, payload }: IRawFrame): void {
    const stream = this.live.get(id);
    if (stream === undefined) return;
    stream.resetCode = payload.readUInt32BE(0);
    stream.tell('reset');
    stream.over();
  }

  #windowUpdate({ stream: id, payload }: IRawFrame): void {
    const more = payload.readUInt32BE(0);
    if (id === 0) {
      this.sendWindow += more;
      for (const stream of [...this.live.values()]) stream.push();
      return;
    }
    const stream = this.live.get(id);
    if (stream === undefined) return;
    stream.sendWindow += more;
    stream.push();
  }

  #settings(payload: Buffer): void {
    for (let at = 0; at < payload.length; at += 6) {
      if (payload.readUInt16BE(at) !== h2Setting.initialWindowSize) continue;
      const bytes = payload.readUInt32BE(at + 2);
      for (const stream of this.live.values()) stream.sendWindow += bytes - this.#firstSendWindow;
      this.#firstSendWindow = bytes;
    }
    this.send(rawSettingsAck());
    for (const stream of [...this.live.values()]) stream.push();
  }

  /** Whose frame it is; undefined: it came too late, or should not have come. */
  #find({ name, stream: id }: IRawFrame): RawStream | undefined {
    const stream = this.live.get(id);
    if (stream?.gotEnd) this.faults.push(`${name} behind the end of stream ${id}`);
    if (stream !== undefined || this.cancelled.has(id)) return stream;
    this.faults.push(`${name} on stream ${id}, which is over`);
    return undefined;
  }
}

/** A client whose streams have such a window. */
export async function connectRawStreams(port: number, windowBytes = firstWindow): Promise<RawStreams> {
  return new RawStreams(await connectRaw(port, h2Setting.initialWindowSize, windowBytes), false, windowBytes);
}

export interface IRawTarget extends AsyncDisposable {
  readonly port: number;
  /** Streams that are not over, by the frames that came and went. */
  readonly live: number;
  /** Of all connections. */
  readonly faults: readonly string[];
}

/** A server of HTTP/2 with prior knowledge; `serve` gets each request with its head. */
export async function startRawTarget(
  serve: (stream: RawStream) => void,
  windowBytes = firstWindow,
): Promise<IRawTarget> {
  const connections = new Set<RawStreams>();
  const faults: string[] = [];
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    const peer = new RawPeer(socket, true);
    peer.begin(h2Setting.initialWindowSize, windowBytes, h2Setting.maxConcurrentStreams, 1_000);
    const connection = new RawStreams(peer, true, windowBytes);
    connection.opened = serve;
    connections.add(connection);
    socket.on('end', () => socket.end());
    socket.on('close', () => {
      connections.delete(connection);
      faults.push(...connection.faults);
    });
  });
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  return {
    port: (server.address() as net.AddressInfo).port,
    get live() {
      let sum = 0;
      for (const { live } of connections) sum += live.size;
      return sum;
    },
    get faults() {
      return [...faults, ...[...connections].flatMap((connection) => connection.faults)];
    },
    async [Symbol.asyncDispose]() {
      for (const { peer } of connections) peer.socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
