// One connection of HTTP/2: sends frames, right or wrong, and reads what becomes of their streams and of itself.

import type { Socket } from 'node:net';
import { HpackDecoder } from '../codec/hpack-decoder.js';
import { h2Flag, h2Frame, h2Preface } from '../codec/http2-frame.js';
import { canaryField } from './markers.js';
import type { IAim, IAnswer, IVisit } from './types.js';
import { fence } from './visit-h1.js';
import { frame, headers, pseudo, regular, settings } from './write-h2.js';

export interface IH2VisitOptions {
  readonly socket: Socket;
  readonly aim: IAim;
  readonly frames: readonly Uint8Array[];
  readonly waitMs: number;
}

/** Above all streams that attacks use. */
const fenceStream = 1_000_001;

/**
 * Resolves when what was sent is judged: the connection has ended, or an innocent request behind it was answered and stream 1, if
 * it was used, has ended. `words`: GOAWAY and RST_STREAM with their codes.
 */
export function visitByH2({ socket, aim, frames, waitMs }: IH2VisitOptions): Promise<IVisit> {
  return new Promise((resolve) => {
    const reader = new FrameTaker(waitsForFirst(frames));
    const settle = (end: IVisit['end']) => {
      clearTimeout(late);
      socket.removeAllListeners('data');
      socket.destroy();
      resolve({ answers: reader.answers(), end, words: reader.words.join(', ') });
    };
    const late = setTimeout(() => settle('late'), waitMs);
    socket.on('data', (bytes: Buffer) => {
      for (const answer of reader.read(bytes)) socket.write(answer);
      if (reader.isGone) settle('closed');
      else if (reader.isDone) settle('done');
    });
    socket.on('end', () => settle('closed'));
    socket.on('close', () => settle('closed'));
    const last = headers(fenceStream, [...pseudo(aim), canaryField.toLowerCase(), fence, ...regular(aim)]);
    socket.write(Buffer.concat([h2Preface, settings(), ...frames, last]));
  });
}

/** True if stream 1 has a request that its sender does not take back. */
function waitsForFirst(frames: readonly Uint8Array[]): boolean {
  const all = Buffer.concat(frames);
  let isAsked = false;
  for (let at = 0; at + 9 <= all.length; at += 9 + all.readUIntBE(at, 3)) {
    if (all.readUInt32BE(at + 5) !== 1) continue;
    if (all[at + 3] === h2Frame.headers) isAsked = true;
    if (all[at + 3] === h2Frame.rstStream) return false;
  }
  return isAsked;
}

class FrameTaker {
  readonly words: string[] = [];
  isGone = false;
  #rest: Buffer = Buffer.alloc(0);
  #first: { status: number; fields: string[]; content: string } | null = null;
  #firstEnded: boolean;
  #fenceEnded = false;
  readonly #decoder = new HpackDecoder({ maxTableBytes: 4_096, maxListBytes: 262_144, maxFields: 1_000 });

  constructor(waitsForFirst: boolean) {
    this.#firstEnded = !waitsForFirst;
  }

  get isDone(): boolean {
    return this.#fenceEnded && this.#firstEnded;
  }

  answers(): IAnswer[] {
    return this.#first === null ? [] : [this.#first];
  }

  /** Gives what is to be sent for it. */
  read(bytes: Buffer): Buffer[] {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    const answers: Buffer[] = [];
    for (;;) {
      const end = this.#rest.length < 9 ? Number.POSITIVE_INFINITY : 9 + this.#rest.readUIntBE(0, 3);
      if (this.#rest.length < end) return answers;
      const head = this.#rest.subarray(0, 9);
      const answer = this.#take(head, this.#rest.subarray(9, end));
      if (answer !== null) answers.push(answer);
      this.#rest = this.#rest.subarray(end);
    }
  }

  #take(head: Buffer, payload: Buffer): Buffer | null {
    const [type, flags] = [head[3] ?? 0, head[4] ?? 0];
    const stream = head.readUInt32BE(5) & 0x7fff_ffff;
    switch (type) {
      case h2Frame.settings:
        return flags & h2Flag.ack ? null : frame(h2Frame.settings, h2Flag.ack, 0);
      case h2Frame.goaway:
        this.isGone = true;
        this.words.push(`GOAWAY ${payload.length < 8 ? '' : payload.readUInt32BE(4)}`);
        return null;
      case h2Frame.rstStream:
        if (stream === 1) this.words.push(`RST_STREAM ${payload.length < 4 ? '' : payload.readUInt32BE(0)}`);
        this.#ended(stream);
        return null;
      case h2Frame.headers:
        this.#answered(stream, flags, payload);
        break;
      case h2Frame.data:
        if (stream === 1 && this.#first !== null) this.#first.content += payload.toString('latin1', 0, 65_536);
        break;
      default:
        return null;
    }
    if (flags & h2Flag.endStream) this.#ended(stream);
    return null;
  }

  #answered(stream: number, flags: number, payload: Buffer): void {
    const from = (flags & h2Flag.padded ? 1 : 0) + (flags & h2Flag.priority ? 5 : 0);
    const padding = flags & h2Flag.padded ? (payload[0] ?? 0) : 0;
    const fields = this.#decoder.decode(payload.subarray(from, payload.length - padding)) ?? [];
    const status = fields[0] === ':status' ? Number(fields[1]) : 0;
    if (stream === 1 && status >= 200) this.#first = { status, fields: fields.slice(2), content: '' };
  }

  #ended(stream: number): void {
    if (stream === 1) this.#firstEnded = true;
    if (stream === fenceStream) this.#fenceEnded = true;
  }
}

/** True if a PING is answered: a server that only says no does that by SETTINGS and GOAWAY. */
export function speaksH2(socket: Socket, waitMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    let came: Buffer = Buffer.alloc(0);
    const settle = (does: boolean) => {
      clearTimeout(late);
      socket.destroy();
      resolve(does);
    };
    const late = setTimeout(() => settle(false), waitMs);
    socket.on('data', (bytes: Buffer) => {
      came = Buffer.concat([came, bytes]);
      for (let at = 0; at + 9 <= came.length; at += 9 + came.readUIntBE(at, 3)) {
        if (came[at + 3] === h2Frame.ping && came[at + 4] === h2Flag.ack) settle(true);
        // Whatever is no frame begins with something else.
        else if (came[at + 3] === h2Frame.goaway || (at === 0 && came[3] !== h2Frame.settings)) settle(false);
      }
    });
    socket.on('close', () => settle(false));
    socket.on('end', () => settle(false));
    socket.write(Buffer.concat([h2Preface, settings(), frame(h2Frame.ping, 0, 0, Buffer.alloc(8))]));
  });
}
