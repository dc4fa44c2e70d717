// The HTTP probe in HTTP/2: one request on a connection of its own.

import type { Socket } from 'node:net';
import { ProxyError } from '../../base/errors.js';
import { HpackDecoder } from '../../codec/hpack-decoder.js';
import { HpackEncoder } from '../../codec/hpack-encoder.js';
import { requestBlock } from '../../codec/http2-fields.js';
import { FrameReader, h2Flag, h2Frame, h2Preface, leastMaxFrameBytes } from '../../codec/http2-frame.js';
import { readResponse } from '../../codec/http2-response.js';
import { h2Setting } from '../../codec/http2-settings.js';
import { FrameWriter } from '../../codec/http2-write.js';
import type { IResolvedHttpProbe } from '../../config/resolved.js';
import { judgeContent, judgeStatus, probeHead, type TVerdict } from './health-verdict.js';

/** What a target may say to one probe, frames of all kinds together: more than the content that is looked at, and its head. */
const maxBytes = 262_144;
const limits = { maxTableBytes: 4_096, maxListBytes: 16_384, maxFields: 100 };

/** Asks on a connected socket, and calls `done` once: with null, or with why the target is not well. Bounds no time. */
export function askHealthH2(
  socket: Socket,
  probe: IResolvedHttpProbe,
  place: { readonly host: string; readonly port: number },
  scheme: 'http' | 'https',
  done: (failure: ProxyError | null) => void,
): void {
  const answer = new H2HealthAnswer(probe);
  let over = false;
  const settle = (verdict: TVerdict) => {
    if (verdict === 'more' || over) return;
    over = true;
    done(verdict === 'well' ? null : new ProxyError('TARGET_BROKE', verdict.why));
  };
  socket.on('data', (bytes: Buffer) => {
    if (over) return;
    settle(answer.read(bytes));
    const reply = answer.writer.take();
    if (reply !== null && !over) socket.write(reply);
  });
  const ended = () => settle({ why: 'it closed the connection without a whole answer' });
  socket.on('end', ended);
  socket.on('close', ended);
  const { writer } = answer;
  writer.raw(h2Preface);
  writer.settings([h2Setting.enablePush, 0]);
  writer.headers(new HpackEncoder(), requestBlock(probeHead(probe, place), scheme), 1, true, leastMaxFrameBytes);
  const first = writer.take();
  if (first !== null) socket.write(first);
}

class H2HealthAnswer {
  /** What is to be said to the target. */
  readonly writer = new FrameWriter();
  readonly #probe: IResolvedHttpProbe;
  readonly #reader = new FrameReader(false);
  readonly #decoder = new HpackDecoder(limits);
  #bytes = 0;
  /** Its settings came: it speaks HTTP/2. */
  #began = false;
  /** A header block that is not complete; `#ends`: nothing follows it. */
  #block: Buffer[] | null = null;
  #ends = false;
  /** The final head was well as far as it goes. */
  #answered = false;
  #content = Buffer.alloc(0);

  constructor(probe: IResolvedHttpProbe) {
    this.#probe = probe;
  }

  read(bytes: Buffer): TVerdict {
    const reader = this.#reader;
    this.#bytes += bytes.length;
    if (this.#bytes > maxBytes) return { why: 'it says more than a probe listens to' };
    reader.push(bytes, false);
    for (;;) {
      const read = reader.next();
      if (read === 'none') return 'more';
      if (read === 'broken' || (!this.#began && !isSettings(reader))) return { why: 'it does not speak HTTP/2' };
      const verdict = read === 'data' ? this.#data(reader) : this.#frame(reader);
      if (verdict !== 'more') return verdict;
    }
  }

  #frame(reader: FrameReader): TVerdict {
    const { type, flags, stream, bytes, at } = reader;
    if (this.#block !== null && type !== h2Frame.continuation) return broken;
    switch (type) {
      case h2Frame.settings:
        this.#began = true;
        if ((flags & h2Flag.ack) === 0) this.writer.settingsAck();
        return 'more';
      case h2Frame.headers:
        return stream === 1 ? this.#headers(reader) : broken;
      case h2Frame.continuation:
        return this.#block === null ? broken : this.#fragment(reader, this.#block);
      case h2Frame.rstStream:
        return stream === 1 ? { why: 'it reset the request' } : 'more';
      case h2Frame.goaway:
        return reader.length >= 8 && bytes.readUInt32BE(at) === 0 ? { why: 'it takes no requests' } : 'more';
      default:
        return 'more';
    }
  }

  #headers(reader: FrameReader): TVerdict {
    const { flags, bytes } = reader;
    if ((flags & h2Flag.padded) !== 0) {
      reader.end -= bytes[reader.at] ?? 0;
      reader.at += 1;
    }
    if ((flags & h2Flag.priority) !== 0) reader.at += 5;
    if (reader.length === 0 || reader.at > reader.end) return broken;
    this.#ends = (flags & h2Flag.endStream) !== 0;
    return this.#fragment(reader, []);
  }

  #fragment({ bytes, at, end, flags }: FrameReader, block: Buffer[]): TVerdict {
    block.push(bytes.subarray(at, end));
    this.#block = block;
    if ((flags & h2Flag.endHeaders) === 0) return 'more';
    this.#block = null;
    const fields = this.#decoder.decode(Buffer.concat(block));
    if (fields === null || this.#decoder.tooLarge) return broken;
    // Trailers.
    if (this.#answered) return judgeContent(this.#probe, this.#content, this.#ends);
    const head = readResponse(fields, this.#ends);
    if ('fault' in head) return { why: `its answer is not HTTP: ${head.fault}` };
    if (head.status < 200) return 'more';
    this.#answered = true;
    const verdict = judgeStatus(this.#probe, head.status);
    return verdict === 'more' && this.#ends ? judgeContent(this.#probe, this.#content, true) : verdict;
  }

  #data({ stream, bytes, at, end, flags, last }: FrameReader): TVerdict {
    if (stream !== 1 || !this.#answered) return broken;
    this.#content = Buffer.concat([this.#content, bytes.subarray(at, end)]);
    return judgeContent(this.#probe, this.#content, last && (flags & h2Flag.endStream) !== 0);
  }
}

const broken = { why: 'its answer is not HTTP/2' };

const isSettings = ({ type, flags }: FrameReader): boolean => type === h2Frame.settings && (flags & h2Flag.ack) === 0;
