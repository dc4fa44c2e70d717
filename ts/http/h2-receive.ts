// What a peer's frames mean for an HTTP/2 connection, and which of them are faults (RFC 9113 §5, §6). Header blocks and
// content; h2-receive-control.ts has the rest.

import { HpackDecoder } from '../codec/hpack-decoder.js';
import { FrameReader, h2Error, h2Flag, h2Frame } from '../codec/http2-frame.js';
import { readPriority } from '../codec/http2-priority.js';
import { firstWindow } from '../codec/http2-settings.js';
import { H2Block } from './h2-block.js';
import type { H2Core } from './h2-core.js';
import { H2Control } from './h2-receive-control.js';
import type { H2Stream } from './h2-stream.js';

export class H2Receiver {
  readonly #core: H2Core;
  readonly #reader: FrameReader;
  readonly #control: H2Control;
  readonly #block = new H2Block();
  #decoder: HpackDecoder | null = null;
  /** What the connection's content may still be, and what of it was given back since the peer was told. */
  #window = firstWindow;
  #takenBytes = 0;
  /** Whose DATA frame is being read; null: nobody's. */
  #dataOf: H2Stream | null = null;
  #isPart = false;

  constructor(core: H2Core) {
    this.#core = core;
    this.#reader = new FrameReader(core.isServer);
    this.#control = new H2Control(core);
  }

  /** Opens the connection's window beyond what every connection begins with. */
  start(): void {
    const more = this.#core.limits.connectionWindowBytes - firstWindow;
    if (more <= 0) return;
    this.#core.sender.writer.windowUpdate(0, more);
    this.#window += more;
  }

  /** `owned`: the memory is ours; else it is used again when this returns. */
  read(bytes: Buffer, owned: boolean): void {
    const core = this.#core;
    if (core.over) return;
    const reader = this.#reader;
    core.reading = true;
    reader.push(bytes, !owned);
    while (!core.over) {
      const read = reader.next();
      if (read === 'none') break;
      if (read === 'data') this.#data(reader);
      else if (read === 'frame') this.#frame(reader);
      else core.fail(reader.fault, reader.why);
    }
    core.reading = false;
    core.pause();
    if (!core.over) this.#tellPart();
  }

  #tellPart(): void {
    const isPart = this.#block.stream !== 0 || this.#reader.partial;
    if (isPart === this.#isPart) return;
    this.#isPart = isPart;
    this.#core.life.partly(isPart);
  }

  #frame(reader: FrameReader): void {
    const core = this.#core;
    const { type } = reader;
    if (!this.#inOrder(reader)) return;
    if (type === h2Frame.headers) this.#headers(reader);
    else if (type === h2Frame.continuation) this.#continuation(reader);
    else if (type === h2Frame.pushPromise) core.fail(h2Error.protocol, 'PUSH_PROMISE');
    else this.#control.frame(reader);
  }

  /** RFC 9113 §3.4: SETTINGS first; §6.10: nothing between the frames of a header block. */
  #inOrder({ type, flags, stream }: FrameReader): boolean {
    const core = this.#core;
    if (!core.settled && (type !== h2Frame.settings || (flags & h2Flag.ack) !== 0)) {
      core.fail(h2Error.protocol, 'no SETTINGS first');
      return false;
    }
    const { stream: open } = this.#block;
    if (open === 0 || (type === h2Frame.continuation && stream === open)) return true;
    core.fail(h2Error.protocol, 'header block interrupted');
    return false;
  }

  #headers(reader: FrameReader): void {
    const core = this.#core;
    const { stream, flags } = reader;
    if (stream === 0 || (core.isServer ? !core.table.isPeers(stream) : !mayAnswer(core, stream))) {
      core.fail(h2Error.protocol, 'HEADERS on a wrong stream');
      return;
    }
    const fault = this.#block.begin(reader);
    if (fault !== 0) {
      core.fail(fault, 'HEADERS');
      return;
    }
    if ((flags & h2Flag.endHeaders) !== 0) this.#complete(reader, stream);
    else this.#block.keep(reader);
  }

  #continuation(reader: FrameReader): void {
    const core = this.#core;
    const block = this.#block;
    const { stream } = block;
    if (stream === 0) {
      core.fail(h2Error.protocol, 'CONTINUATION without HEADERS');
      return;
    }
    block.continuations++;
    block.bytes += reader.length;
    if (block.continuations > core.limits.maxContinuations || block.bytes > blockFactor * core.limits.maxHeaderBytes) {
      core.fail(h2Error.enhanceYourCalm, 'continuations');
      return;
    }
    if ((reader.flags & h2Flag.endHeaders) !== 0) this.#complete(reader, stream);
    else block.keep(reader);
  }

  #complete(reader: FrameReader, id: number): void {
    const core = this.#core;
    const block = this.#block;
    const { end, bytes, selfDependent } = block;
    const { limits, table } = core;
    this.#decoder ??= new HpackDecoder({
      maxTableBytes: tableBytes,
      maxListBytes: limits.maxHeaderBytes,
      maxFields: limits.maxFields,
    });
    // Whoever the block is for, the table must see it (RFC 9113 §4.3).
    const fields = this.#decoder.decode(block.complete(reader));
    if (fields === null) {
      core.fail(h2Error.compression, 'header block');
      return;
    }
    if (bytes === 0 && !end && !core.spend('emptyFrames')) return;
    const { tooLarge } = this.#decoder;
    const stream = table.live.get(id);
    if (stream !== undefined) this.#blockOf(stream, fields, end, selfDependent, tooLarge);
    else if (core.isServer && id > table.lastPeer) this.#open(id, fields, end, selfDependent, tooLarge);
    else this.#late(id, 'HEADERS');
  }

  /** A request. */
  #open(id: number, fields: string[], end: boolean, selfDependent: boolean, tooLarge: boolean): void {
    const core = this.#core;
    core.table.opened(id);
    const early = this.#control.takeEarly(id);
    if (id > core.lastServed) {
      core.spend('lateFrames');
      return;
    }
    if (selfDependent) {
      core.refuse(id, h2Error.protocol, 'faults');
      return;
    }
    if (core.count >= core.limits.maxConcurrentStreams) {
      core.refuse(id, h2Error.refusedStream, 'refusals');
      return;
    }
    core.budget.earn('priorities', 2);
    const stream = core.makeStream(null, id);
    stream.gotEnd = end;
    stream.toldEnd = end;
    stream.blocks = 1;
    rankBy(core, stream, fields);
    // RFC 9218 §7: the frame says it instead of the field.
    if (early !== null) core.sender.rank(stream, early);
    const owner = core.listener.streamOpened(stream, fields, end, tooLarge);
    stream.owner = owner;
    // It may have been answered, reset or lost with its connection before anyone took it.
    if (stream.over) {
      if (owner === null) return;
      if (stream.lostBy >= 0) owner.h2Closed(stream.lostBy, false, true);
      core.listener.streamOver(owner);
    } else if (owner === null) {
      core.reset(stream, h2Error.refusedStream);
      core.spend('refusals');
    }
  }

  /** Trailers; on the target's side heads too. */
  #blockOf(stream: H2Stream, fields: string[], end: boolean, selfDependent: boolean, tooLarge: boolean): void {
    const core = this.#core;
    stream.blocks++;
    if (stream.gotEnd) core.faulted(stream, h2Error.streamClosed);
    else if (selfDependent || (core.isServer && !end)) core.faulted(stream, h2Error.protocol);
    else if (tooLarge) core.faulted(stream, h2Error.enhanceYourCalm);
    else if (end) stream.fieldsEnd(fields);
    else if (stream.blocks <= usualBlocks || core.spend('emptyFrames')) {
      core.told(stream);
      if (!stream.resetsAfter) stream.owner?.h2Headers(fields, false);
    }
  }

  #data(reader: FrameReader): void {
    if (reader.first) this.#dataOf = this.#dataBegins(reader);
    const stream = this.#dataOf;
    if (stream === null || stream.over) return;
    const { bytes, at, end, lent, last, flags } = reader;
    if (end > at) stream.content(bytes.subarray(at, end), lent);
    if (!last) return;
    this.#dataOf = null;
    if ((flags & h2Flag.endStream) !== 0 && !stream.over) stream.contentEnds();
  }

  /** Whose content it is; null: nobody's, or a fault. */
  #dataBegins(reader: FrameReader): H2Stream | null {
    const core = this.#core;
    const { stream: id, length, padding, flags } = reader;
    if (!this.#inOrder(reader)) return null;
    if (id === 0 || core.table.isIdle(id)) {
      core.fail(h2Error.protocol, 'DATA on an idle stream');
      return null;
    }
    if (!this.#takeWindow(length)) return null;
    const stream = core.table.live.get(id);
    if (stream === undefined) {
      this.#late(id, 'DATA');
      return null;
    }
    stream.window -= length;
    if (stream.gotEnd) core.faulted(stream, h2Error.streamClosed);
    else if (stream.blocks === 0) core.faulted(stream, h2Error.protocol);
    else if (stream.window < 0) core.faulted(stream, h2Error.flowControl);
    else if (length === padding && (flags & h2Flag.endStream) === 0 && !core.spend('emptyFrames')) return null;
    if (padding > 0) stream.opens(padding);
    return stream;
  }

  /**
   * The connection's window is opened again on arrival: what its streams' windows let wait is bounded by those, and one that waits
   * does not stop the others.
   */
  #takeWindow(length: number): boolean {
    const core = this.#core;
    this.#window -= length;
    if (this.#window < 0) {
      core.fail(h2Error.flowControl, 'connection window');
      return false;
    }
    this.#takenBytes += length;
    if (this.#takenBytes * 2 >= core.limits.connectionWindowBytes) {
      core.sender.writer.windowUpdate(0, this.#takenBytes);
      core.sender.later();
      this.#window += this.#takenBytes;
      this.#takenBytes = 0;
    }
    return true;
  }

  /** RFC 9113 §5.1, closed: what came before the peer knew of our RST_STREAM or GOAWAY is let pass. */
  #late(id: number, frame: string): void {
    const core = this.#core;
    const { table } = core;
    if (table.wasReset(id) || (id > core.lastServed && table.isPeers(id))) core.spend('lateFrames');
    else if (table.wasSkipped(id)) core.fail(h2Error.protocol, `${frame} on a stream left out`);
    else core.fail(h2Error.streamClosed, `${frame} on a closed stream`);
  }
}

/** RFC 9113 §6.5.2: what every peer begins with; we announce no other. */
const tableBytes = 4_096;
/** Header blocks of an answer without trailers: an interim one or two and the final one. More that end nothing are counted. */
const usualBlocks = 4;

/** A server sends header blocks on streams that we have opened only: we allow no push. */
const mayAnswer = ({ table }: H2Core, id: number): boolean => !table.isPeers(id) && !table.isIdle(id);

/** RFC 9218 §5 */
function rankBy(core: H2Core, stream: H2Stream, fields: readonly string[]): void {
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at] as string;
    if (name.length !== 8 || name !== 'priority') continue;
    core.sender.rank(stream, readPriority(fields[at + 1] as string));
  }
}

/** A list that is somewhat too large costs its request alone, so that a block may be larger than a list. */
const blockFactor = 4;
