// Sends for one HTTP/2 connection: frames of one turn of the event loop make one write, and content is framed only as fast
// as windows and the socket take it.

import type { Socket } from 'node:net';
import { HpackEncoder } from '../codec/hpack-encoder.js';
import type { TFields } from '../codec/http-message.js';
import { h2Flag, h2Frame, leastMaxFrameBytes } from '../codec/http2-frame.js';
import type { IH2Priority } from '../codec/http2-priority.js';
import { firstWindow } from '../codec/http2-settings.js';
import { FrameWriter } from '../codec/http2-write.js';
import type { H2Budget } from './h2-budget.js';
import type { IH2Limits } from './h2-limits.js';
import type { H2Outgoing } from './h2-outgoing.js';

/** Content below this is copied behind its frame's head; above it the chunk itself is written. */
const smallBytes = 4_096;
/** No more content is framed while so much waits in the socket: what is framed cannot be overtaken any more. */
const socketBytes = 65_536;

export interface IH2SenderHost {
  /** More waits than may for a peer that does not read. */
  unread(): void;
}

export class H2Sender {
  /** For frames that are neither HEADERS nor DATA; whoever appends calls `later`. */
  readonly writer = new FrameWriter();
  /** What the connection may send of content (RFC 9113 §6.9). */
  window = firstWindow;
  maxFrameBytes = leastMaxFrameBytes;
  /** Content of all streams that waits. */
  waitingBytes = 0;
  /** So many were sent. */
  dataFrames = 0;
  readonly #socket: Socket;
  readonly #limits: IH2Limits;
  readonly #budget: H2Budget;
  readonly #host: IH2SenderHost;
  /** Streams with content and a window, in the order of their turns. */
  #list: H2Outgoing[] = [];
  /** Someone's order is not the usual. */
  #ranked = false;
  #encoder: HpackEncoder | null = null;
  #tableBytes = -1;
  #waits = false;
  #flushing = false;
  #corked = false;
  /** The socket has enough; `drain` will tell. */
  #blocked = false;
  #over = false;

  constructor(socket: Socket, limits: IH2Limits, budget: H2Budget, host: IH2SenderHost) {
    this.#socket = socket;
    this.#limits = limits;
    this.#budget = budget;
    this.#host = host;
    socket.on('drain', this.#drained);
  }

  /** GOAWAY, whatever waits: nothing is sent behind it. */
  finish(lastStream: number, code: number, why: string): void {
    if (this.#over) return;
    // What a peer did not read is of no use to it now. Frames are taken whole, so nothing is cut in two.
    if (this.writer.at > this.#limits.maxUnreadBytes) this.writer.take();
    this.writer.goaway(lastStream, code, why);
    this.empty();
  }

  /** All frames that wait go to the socket, however full that is. */
  empty(): void {
    const rest = this.writer.take();
    if (rest !== null) this.#write(rest);
    this.#uncork();
  }

  /** Nothing is sent any more. */
  stop(): void {
    this.#over = true;
    this.#list = [];
    this.writer.take();
    this.#socket.off('drain', this.#drained);
  }

  /** The peer's SETTINGS_HEADER_TABLE_SIZE. */
  setTableBytes(bytes: number): void {
    this.#tableBytes = bytes;
    this.#encoder?.setMaxTableBytes(bytes);
  }

  headers(stream: H2Outgoing, fields: TFields, end: boolean): void {
    if (this.#encoder === null) {
      this.#encoder = new HpackEncoder();
      if (this.#tableBytes >= 0) this.#encoder.setMaxTableBytes(this.#tableBytes);
    }
    this.writer.headers(this.#encoder, fields, stream.id, end, this.maxFrameBytes);
    this.#earn(1);
    this.later();
    if (end) this.#end(stream);
  }

  /** Content. False: enough waits. */
  data(stream: H2Outgoing, chunk: Uint8Array): boolean {
    if (chunk.length === 0) return !stream.full;
    stream.queue(chunk);
    this.waitingBytes += chunk.length;
    this.ready(stream);
    this.later();
    // So much has nothing to gain from being joined with others.
    if (stream.waitingBytes >= leastMaxFrameBytes) this.flush();
    const { maxStreamUnsentBytes, maxUnsentBytes } = this.#limits;
    if (stream.waitingBytes >= maxStreamUnsentBytes || this.waitingBytes >= maxUnsentBytes) {
      stream.full = stream.waitingBytes > 0;
    }
    return !stream.full;
  }

  /** The stream's content is complete; `ending` and `trailers` say how it ends. */
  end(stream: H2Outgoing): void {
    if (stream.waitingBytes > 0) return;
    this.#finish(stream);
    this.later();
  }

  /** It has content, or a window, that it had not. */
  ready(stream: H2Outgoing): void {
    if (stream.listed || stream.waitingBytes === 0 || stream.sendWindow <= 0) return;
    stream.listed = true;
    if (stream.urgency !== 3 || stream.whole) this.#ranked = true;
    this.#list.push(stream);
  }

  /** Its order is another from now on. */
  rank(stream: H2Outgoing, { urgency, incremental }: IH2Priority): void {
    stream.urgency = urgency;
    stream.whole = !incremental;
    if (stream.listed) this.#ranked = true;
  }

  /** Nothing that waits for it is sent. */
  forget(stream: H2Outgoing): void {
    this.waitingBytes -= stream.drop();
    if (!stream.listed) return;
    stream.listed = false;
    this.#list.splice(this.#list.indexOf(stream), 1);
  }

  /** Flushes at the end of the turn, with everyone else. */
  later(): void {
    if (this.#waits || this.#over) return;
    this.#waits = true;
    if (turn.push(this) === 1) setImmediate(endTurn);
  }

  /** The end of the turn. */
  turnEnds(): void {
    this.#waits = false;
    this.flush();
  }

  flush(): void {
    if (this.#flushing || this.#over) return;
    if (this.#blocked) {
      if (this.writer.at > this.#limits.maxUnreadBytes) this.#host.unread();
      return;
    }
    this.#flushing = true;
    this.#frameContent();
    const rest = this.#over ? null : this.writer.take();
    if (rest !== null) this.#write(rest);
    this.#flushing = false;
    this.#uncork();
    const { writableNeedDrain, writableLength } = this.#socket;
    this.#blocked = writableNeedDrain && writableLength >= socketBytes;
  }

  #frameContent(): void {
    const list = this.#list;
    while (list.length > 0 && this.window > 0 && this.#socket.writableLength < socketBytes) {
      const at = this.#ranked ? mostUrgent(list) : 0;
      const stream = list[at] as H2Outgoing;
      this.#frame(stream);
      // Whoever was told of room may have ended the connection, or the stream.
      if (this.#over) return;
      if (!stream.listed) continue;
      const stays = stream.waitingBytes > 0 && stream.sendWindow > 0;
      if (stays && (stream.whole || list.length === 1)) continue;
      list.splice(list.indexOf(stream), 1);
      stream.listed = stays;
      if (stays) list.push(stream);
    }
    if (list.length === 0) this.#ranked = false;
  }

  /** One DATA frame. */
  #frame(stream: H2Outgoing): void {
    const { firstBytes } = stream;
    const most = Math.min(this.maxFrameBytes, stream.sendWindow, this.window, stream.waitingBytes);
    const isLarge = firstBytes >= smallBytes && most >= smallBytes;
    const length = isLarge ? Math.min(most, firstBytes) : Math.min(most, smallBytes);
    const ends = stream.ending && stream.trailers === null && length === stream.waitingBytes;
    stream.sendWindow -= length;
    this.window -= length;
    this.waitingBytes -= length;
    this.dataFrames++;
    const { writer } = this;
    if (isLarge) {
      writer.dataHead(length, ends ? h2Flag.endStream : 0, stream.id);
      this.#write(writer.take() as Buffer);
      this.#write(stream.take(length));
    } else {
      writer.head(length, h2Frame.data, ends ? h2Flag.endStream : 0, stream.id);
      for (let left = length; left > 0; ) {
        const part = stream.take(left);
        writer.raw(part);
        left -= part.length;
      }
    }
    // A peer that opens its window by single octets earns nothing by what that makes us send.
    if (length >= earningBytes || stream.waitingBytes === 0) this.#earn(2 + length / earningBytes);
    if (ends) this.#end(stream);
    else if (stream.waitingBytes === 0 && stream.ending) this.#finish(stream);
    else if (stream.full && stream.waitingBytes < this.#limits.maxStreamUnsentBytes / 2) {
      stream.full = false;
      stream.roomAgain();
    }
  }

  /** Nothing of its content waits. */
  #finish(stream: H2Outgoing): void {
    if (stream.trailers !== null) {
      this.headers(stream, stream.trailers, true);
      return;
    }
    if (!this.writer.endHeaders(stream.id)) this.writer.head(0, h2Frame.data, h2Flag.endStream, stream.id);
    this.#end(stream);
  }

  #end(stream: H2Outgoing): void {
    stream.sentEnd = true;
    stream.allSent();
  }

  #write(bytes: Uint8Array): void {
    const socket = this.#socket;
    // Whoever ends the socket under us is about to tell.
    if (!socket.writable) return;
    if (!this.#corked) {
      this.#corked = true;
      socket.cork();
    }
    socket.write(bytes);
  }

  #uncork(): void {
    // Within a flush it is that which uncorks.
    if (this.#flushing || !this.#corked) return;
    this.#corked = false;
    this.#socket.uncork();
  }

  #earn(frames: number): void {
    this.#budget.earn('windowUpdates', frames);
    this.#budget.earn('pings', frames / 2);
  }

  readonly #drained = (): void => {
    this.#blocked = false;
    this.flush();
  };
}

/** Lowest urgency; among equals those first that are wanted whole, by age (RFC 9218 §10). */
function mostUrgent(list: readonly H2Outgoing[]): number {
  let best = 0;
  for (let at = 1; at < list.length; at++) {
    if (rank(list[at] as H2Outgoing) < rank(list[best] as H2Outgoing)) best = at;
  }
  return best;
}

const rank = ({ urgency, whole, id }: H2Outgoing): number => urgency * 2 ** 32 + (whole ? id : 2 ** 31);

/** Peers that read by the kilobyte open both windows for each. */
const earningBytes = 512;

/** Who has something to send at the end of this turn. */
let turn: H2Sender[] = [];

function endTurn(): void {
  const all = turn;
  turn = [];
  for (const sender of all) sender.turnEnds();
}
