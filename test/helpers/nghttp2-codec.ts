// nghttp2's HPACK, by way of node:http2 over a socket that is none: it encodes lists for us, and decodes our blocks.

import http2 from 'node:http2';
import { Duplex } from 'node:stream';

/** What one side writes is given to a function, and what is pushed is what it reads. */
class FakeSocket extends Duplex {
  readonly #onBytes: (bytes: Buffer) => void;

  constructor(onBytes: (bytes: Buffer) => void) {
    super();
    this.#onBytes = onBytes;
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#onBytes(chunk);
    done();
  }
}

const headers = 1;
const settings = 4;
const continuation = 9;
const endStream = 1;
const endHeaders = 4;
const tableSize = 1;
const maxFrame = 16_384;

function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

function settingsFrame(tableBytes: number): Buffer {
  const payload = Buffer.alloc(6);
  payload.writeUInt16BE(tableSize, 0);
  payload.writeUInt32BE(tableBytes, 2);
  return frame(settings, 0, 0, payload);
}

/** Cuts what comes into frames. */
function frameReader(onFrame: (type: number, flags: number, payload: Buffer) => void): (bytes: Buffer) => void {
  let rest = Buffer.alloc(0);
  return (bytes) => {
    rest = Buffer.concat([rest, bytes]);
    while (rest.length >= 9 && rest.length >= 9 + rest.readUIntBE(0, 3)) {
      const end = 9 + rest.readUIntBE(0, 3);
      onFrame(rest[3] as number, rest[4] as number, rest.subarray(9, end));
      rest = rest.subarray(end);
    }
  };
}

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

/** Of a HEADERS frame of nghttp2 without padding: its block. */
const priorityFlag = 0x20;

export interface INghttp2Encoder extends AsyncDisposable {
  /** The block of a request with these fields; names twice stand next to each other. */
  encode(fields: readonly string[]): Promise<Buffer>;
  /** Our SETTINGS_HEADER_TABLE_SIZE; resolves once it is acknowledged. */
  resize(tableBytes: number): Promise<void>;
}

export async function startNghttp2Encoder(): Promise<INghttp2Encoder> {
  let block: Buffer[] = [];
  let onBlock: (block: Buffer) => void = () => {};
  let onAck: () => void = () => {};
  let awaited = preface.length;
  const read = frameReader((type, flags, payload) => {
    if (type === settings && (flags & 1) === 0) socket.push(frame(settings, 1, 0, Buffer.alloc(0)));
    if (type === settings && (flags & 1) === 1) onAck();
    if (type !== headers && type !== continuation) return;
    block.push(type === headers && (flags & priorityFlag) !== 0 ? payload.subarray(5) : payload);
    if ((flags & endHeaders) === 0) return;
    onBlock(Buffer.concat(block));
    block = [];
  });
  const socket = new FakeSocket((bytes) => {
    const skipped = Math.min(awaited, bytes.length);
    awaited -= skipped;
    read(bytes.subarray(skipped));
  });
  const session = http2.connect('http://a.test', { createConnection: () => socket });
  session.on('error', () => {});
  const resize = (tableBytes: number): Promise<void> =>
    new Promise((resolve) => {
      onAck = resolve;
      socket.push(settingsFrame(tableBytes));
    });
  await resize(4096);
  return {
    encode: (fields) =>
      new Promise((resolve, reject) => {
        onBlock = resolve;
        const stream = session.request(objectOf(fields), { endStream: true });
        stream.on('error', reject);
        // Nothing answers: the stream is let go once its block has come.
        const given = onBlock;
        onBlock = (whole) => {
          given(whole);
          stream.close(http2.constants.NGHTTP2_CANCEL);
        };
      }),
    resize,
    async [Symbol.asyncDispose]() {
      session.destroy();
      socket.destroy();
    },
  };
}

function objectOf(fields: readonly string[]): http2.OutgoingHttpHeaders {
  const made: Record<string, string | string[]> = {};
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at] as string;
    const value = fields[at + 1] as string;
    const before = made[name];
    made[name] = before === undefined ? value : [...(Array.isArray(before) ? before : [before]), value];
  }
  return made;
}

export interface INghttp2Decoder extends AsyncDisposable {
  /** The fields of a request with this block, names and values in turn; null if it is refused. */
  decode(block: Buffer): Promise<readonly string[] | null>;
  /** Its SETTINGS_HEADER_TABLE_SIZE; acknowledged when this resolves. */
  resize(tableBytes: number): Promise<void>;
}

export async function startNghttp2Decoder(): Promise<INghttp2Decoder> {
  let onFields: (fields: readonly string[] | null) => void = () => {};
  let id = -1;
  const socket = new FakeSocket(
    frameReader((type, flags) => {
      if (type === settings && (flags & 1) === 0) socket.push(frame(settings, 1, 0, Buffer.alloc(0)));
    }),
  );
  const server = http2.createServer({ maxHeaderListPairs: 1000 });
  server.on('stream', (stream: http2.ServerHttp2Stream, _headers: unknown, _flags: number, raw: readonly string[]) => {
    stream.on('error', () => {});
    stream.close();
    onFields(raw);
  });
  server.on('session', (session) => session.on('error', () => {}));
  const opened = new Promise<http2.ServerHttp2Session>((resolve) => server.once('session', resolve));
  server.emit('connection', socket);
  const session = await opened;
  const closed = new Promise<null>((resolve) => session.once('close', () => resolve(null)));
  socket.push(Buffer.concat([preface, settingsFrame(4096)]));
  return {
    decode: (block) => {
      id += 2;
      const parts: Buffer[] = [];
      for (let at = 0; at === 0 || at < block.length; at += maxFrame) {
        const last = at + maxFrame >= block.length ? endHeaders : 0;
        const type = at === 0 ? headers : continuation;
        parts.push(frame(type, last | (at === 0 ? endStream : 0), id, block.subarray(at, at + maxFrame)));
      }
      const answer = new Promise<readonly string[] | null>((resolve) => {
        onFields = resolve;
      });
      socket.push(Buffer.concat(parts));
      return Promise.race([answer, closed]);
    },
    resize: (tableBytes) =>
      new Promise((resolve) => session.settings({ headerTableSize: tableBytes }, () => resolve())),
    async [Symbol.asyncDispose]() {
      session.destroy();
      socket.destroy();
    },
  };
}
