// What a peer's frames that carry no message mean for an HTTP/2 connection (RFC 9113 §6.3 to §6.9, RFC 9218 §7.1).

import { type FrameReader, h2Error, h2Flag, h2Frame } from '../codec/http2-frame.js';
import { type IH2Priority, readPriority } from '../codec/http2-priority.js';
import { firstWindow, maxWindow } from '../codec/http2-settings.js';
import type { H2Core } from './h2-core.js';
import { patientMs, patientShare } from './h2-limits.js';
import type { H2Stream } from './h2-stream.js';

export class H2Control {
  readonly #core: H2Core;
  #acknowledged = false;
  /** What was said of streams that are idle still; made when the first comes. */
  #early: Map<number, IH2Priority> | null = null;

  constructor(core: H2Core) {
    this.#core = core;
  }

  frame(reader: FrameReader): void {
    switch (reader.type) {
      case h2Frame.priority:
        return this.#priority(reader);
      case h2Frame.rstStream:
        return this.#rstStream(reader);
      case h2Frame.settings:
        return this.#settings(reader);
      case h2Frame.ping:
        return this.#ping(reader);
      case h2Frame.goaway:
        return this.#goaway(reader);
      case h2Frame.windowUpdate:
        return this.#windowUpdate(reader);
      case h2Frame.priorityUpdate:
        return this.#priorityUpdate(reader);
      default:
        this.#core.spend('unknownFrames');
    }
  }

  /** Deprecated and without effect (§5.3.2); still no reason to take what is malformed. */
  #priority({ stream: id, length, bytes, at }: FrameReader): void {
    const core = this.#core;
    if (!this.#onStream(id, 'PRIORITY') || !core.spend('priorities')) return;
    if (length !== 5) this.#streamFault(id, h2Error.frameSize, 'PRIORITY');
    else if ((bytes.readUInt32BE(at) & 0x7fff_ffff) === id) this.#streamFault(id, h2Error.protocol, 'PRIORITY');
  }

  #rstStream({ stream: id, length, bytes, at }: FrameReader): void {
    const core = this.#core;
    if (!this.#onStream(id, 'RST_STREAM') || !this.#sized('RST_STREAM', length === 4)) return;
    if (core.table.isIdle(id)) {
      core.fail(h2Error.protocol, 'RST_STREAM on an idle stream');
      return;
    }
    // A server that resets what we asked for costs us nothing.
    if (core.isServer && !core.spend('resets')) return;
    const stream = core.table.live.get(id);
    const { askedMs } = stream?.owner ?? {};
    if (askedMs !== undefined && core.budget.nowMs - askedMs >= patientMs) core.budget.earn('resets', 1 - patientShare);
    if (stream !== undefined) core.peerReset(stream, bytes.readUInt32BE(at));
  }

  #settings({ stream, length, flags, bytes, at, end }: FrameReader): void {
    const core = this.#core;
    if (!this.#onConnection(stream, 'SETTINGS')) return;
    const isAck = (flags & h2Flag.ack) !== 0;
    if (!this.#sized('SETTINGS', isAck ? length === 0 : length % 6 === 0)) return;
    if (isAck && !this.#acknowledged) this.#acknowledge();
    else if (core.spend('settings') && !isAck) this.#apply(bytes, at, end);
  }

  /** From here on the peer keeps to what we announced: a window that is smaller than usual is so for streams under way too. */
  #acknowledge(): void {
    const core = this.#core;
    this.#acknowledged = true;
    const less = firstWindow - core.streamWindow;
    core.newWindow = core.streamWindow;
    if (less > 0) for (const stream of core.table.live.values()) stream.window -= less;
    core.life.settingsKnown();
  }

  #apply(bytes: Buffer, at: number, end: number): void {
    const core = this.#core;
    const { peer, sender } = core;
    const before = peer.initialWindowSize;
    const fault = peer.apply(bytes, at, end, !core.isServer);
    if (fault !== 0) {
      core.fail(fault, 'SETTINGS');
      return;
    }
    core.settled = true;
    sender.setTableBytes(peer.headerTableSize);
    sender.maxFrameBytes = Math.min(peer.maxFrameSize, mostFrameBytes);
    if (!this.#shiftWindows(peer.initialWindowSize - before)) return;
    sender.writer.settingsAck();
    sender.later();
    core.listener.settingsChanged();
  }

  /** §6.9.2: of all streams, also below 0. */
  #shiftWindows(difference: number): boolean {
    const core = this.#core;
    if (difference === 0) return true;
    for (const stream of core.table.live.values()) {
      stream.sendWindow += difference;
      if (stream.sendWindow > maxWindow) {
        core.fail(h2Error.flowControl, 'SETTINGS');
        return false;
      }
      core.sender.ready(stream);
    }
    return true;
  }

  #ping({ stream, length, flags, bytes, at }: FrameReader): void {
    const core = this.#core;
    if (!this.#onConnection(stream, 'PING') || !this.#sized('PING', length === 8)) return;
    if ((flags & h2Flag.ack) !== 0) {
      if (!core.pings.answered(bytes, at)) core.spend('pings');
      return;
    }
    if (!core.spend('pings')) return;
    core.sender.writer.ping(true, bytes, at);
    core.sender.later();
  }

  #goaway({ stream, length, bytes, at }: FrameReader): void {
    if (!this.#onConnection(stream, 'GOAWAY') || !this.#sized('GOAWAY', length >= 8)) return;
    if (this.#core.spend('goaways')) this.#core.peerGoesAway(bytes.readUInt32BE(at) & maxWindow);
  }

  #windowUpdate({ stream: id, length, bytes, at }: FrameReader): void {
    const core = this.#core;
    if (!this.#sized('WINDOW_UPDATE', length === 4)) return;
    const more = bytes.readUInt32BE(at) & maxWindow;
    if (id === 0) {
      this.#openConnection(more);
      return;
    }
    if (core.table.isIdle(id)) {
      core.fail(h2Error.protocol, 'WINDOW_UPDATE on an idle stream');
      return;
    }
    if (!core.spend('windowUpdates')) return;
    const stream = core.table.live.get(id);
    if (stream !== undefined) this.#openStream(stream, more);
  }

  #openConnection(more: number): void {
    const core = this.#core;
    const { sender } = core;
    sender.window += more;
    if (more === 0) core.fail(h2Error.protocol, 'WINDOW_UPDATE by 0');
    else if (sender.window > maxWindow) core.fail(h2Error.flowControl, 'WINDOW_UPDATE');
    else if (core.spend('windowUpdates') && sender.waitingBytes > 0) sender.later();
  }

  #openStream(stream: H2Stream, more: number): void {
    const core = this.#core;
    stream.sendWindow += more;
    if (more === 0) core.faulted(stream, h2Error.protocol);
    else if (stream.sendWindow > maxWindow) core.faulted(stream, h2Error.flowControl);
    else if (stream.waitingBytes > 0) {
      core.sender.ready(stream);
      core.sender.later();
    }
  }

  #priorityUpdate({ stream, length, bytes, at, end }: FrameReader): void {
    const core = this.#core;
    if (!this.#onConnection(stream, 'PRIORITY_UPDATE') || !this.#sized('PRIORITY_UPDATE', length >= 4)) return;
    const id = bytes.readUInt32BE(at) & maxWindow;
    if (id === 0 || !core.isServer) {
      core.fail(h2Error.protocol, 'PRIORITY_UPDATE');
      return;
    }
    if (!core.spend('priorities')) return;
    const priority = readPriority(bytes.toString('latin1', at + 4, end));
    const found = core.table.live.get(id);
    if (found !== undefined) core.sender.rank(found, priority);
    else if (core.table.isIdle(id)) this.#keepEarly(id, priority);
  }

  /** RFC 9218 §7.1: kept until the stream is opened, the last of each; with those that live no more than may live. */
  #keepEarly(id: number, priority: IH2Priority): void {
    const core = this.#core;
    const { maxConcurrentStreams } = core.limits;
    // Streams with even numbers are ours to open, and are not: we push nothing.
    if (!core.table.isPeers(id)) {
      core.fail(h2Error.protocol, 'PRIORITY_UPDATE on a stream of ours');
      return;
    }
    this.#early ??= new Map();
    const early = this.#early;
    early.set(id, priority);
    if (core.count + early.size <= maxConcurrentStreams) return;
    // The client may not know yet how many it may open.
    if (this.#acknowledged) core.fail(h2Error.protocol, 'PRIORITY_UPDATE for too many streams');
    else early.delete(id);
  }

  /** The stream is idle no more, nor are those below it (RFC 9113 §5.1.1). Gives what was said of it before; null as a rule. */
  takeEarly(id: number): IH2Priority | null {
    const early = this.#early;
    if (early === null) return null;
    const priority = early.get(id) ?? null;
    for (const idle of early.keys()) if (idle <= id) early.delete(idle);
    if (early.size === 0) this.#early = null;
    return priority;
  }

  #onStream(stream: number, frame: string): boolean {
    if (stream !== 0) return true;
    this.#core.fail(h2Error.protocol, `${frame} on stream 0`);
    return false;
  }

  #onConnection(stream: number, frame: string): boolean {
    if (stream === 0) return true;
    this.#core.fail(h2Error.protocol, `${frame} on a stream`);
    return false;
  }

  #sized(frame: string, isRight: boolean): boolean {
    if (!isRight) this.#core.fail(h2Error.frameSize, frame);
    return isRight;
  }

  /** RST_STREAM may not be sent for a stream that is idle (§6.4), and is of no use for one that is closed. */
  #streamFault(id: number, code: number, why: string): void {
    const stream = this.#core.table.live.get(id);
    if (stream === undefined) this.#core.fail(code, why);
    else this.#core.faulted(stream, code);
  }
}

/** Larger frames would keep other streams waiting, and save little. */
const mostFrameBytes = 16_384;
