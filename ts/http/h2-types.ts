// What joins an HTTP/2 connection (h2-session.ts: frames, settings, flow control, budgets) with those whose messages its
// streams carry: the client's side (h2-client-*.ts) and the target's side (upstream-h2*.ts). Calls never throw.

import type { TFields } from '../codec/http-message.js';

/** One stream, for its owner. After `h2Closed`, or after it was reset, no method does anything any more. */
export interface IH2Stream {
  readonly id: number;
  /** Octets of content that the peer has sent: what a stated content-length is compared with. */
  readonly received: number;
  /**
   * Sends a header block: a request, an interim or final answer. Fields are in lower case, pseudo-fields first.
   * `end`: nothing follows. Waits in the session until `flush` or the end of the turn, as all that is sent does.
   */
  sendHeaders(fields: TFields, end: boolean): void;
  /**
   * Sends content as the windows allow; it is kept without a copy until then. False: enough waits; `h2Drained` tells when there is
   * room.
   */
  sendData(chunk: Uint8Array): boolean;
  /** Ends our side, with trailers or an empty DATA frame, joined with what waits where that is possible. */
  sendEnd(trailers: TFields | null): void;
  /** Bytes of content that wait to be sent. */
  readonly waitingBytes: number;
  /** Another number, as often as others are sent before it though its own window is open: it waits for them, not for the peer. */
  readonly overtaken: number;
  /**
   * RST_STREAM with a code of RFC 9113 §7, if the stream lives. The owner hears nothing more. With NO_ERROR behind `sendEnd` (the
   * client need not send the rest, §8.1) it goes out behind what waits, and the stream is over then; else what waits is dropped.
   */
  reset(code: number): void;
  /** Stops and continues content for the owner; it begins stopped. While stopped the window is not opened again. */
  hold(): void;
  pull(): void;
}

/** Who uses a stream. */
export interface IH2StreamOwner {
  /** Client's side: since when the client waits for an answer, by the clock; `-Infinity` once it has one. Without it: since now. */
  readonly askedMs?: number;
  /**
   * Another header block, decoded, pseudo-fields included, not judged yet. The client side gets interim and final answers
   * and trailers by it, the server side trailers only. `end`: the peer's side is over; nothing comes behind it.
   */
  h2Headers(fields: string[], end: boolean): void;
  /** Content, while pulled. The chunk's memory is the owner's. */
  h2Data(chunk: Buffer): void;
  /** The peer's side is over without trailers; told after the last content was delivered. */
  h2End(): void;
  /** There is room again. */
  h2Drained(): void;
  /**
   * The stream is over before both sides were: by the peer's RST_STREAM, by a fault of the peer that we answered by one, or because
   * the connection ended. `unprocessed`: the peer has done nothing for it (REFUSED_STREAM, or above GOAWAY's last stream): safe
   * to repeat. `ours`: the code is what we told the peer, or would have; else what it told us.
   */
  h2Closed(code: number, unprocessed: boolean, ours: boolean): void;
  /** Nothing more comes in this turn. */
  h2Pause(): void;
}

/** One connection, of either role. */
export interface IH2Session {
  /** Sends our preface, reads; `bytes` came before. */
  start(bytes: Buffer | null): void;
  /** Target's side: opens a stream; null if none may be now. */
  open(owner: IH2StreamOwner): IH2Stream | null;
  /** Streams that live. */
  readonly streams: number;
  /** Target's side: streams that could be opened now; 0 also once it drains. */
  readonly room: number;
  /** False once GOAWAY was sent or received, or it ended. */
  readonly usable: boolean;
  /** The peer allows extended CONNECT (RFC 8441). */
  readonly allowsConnectProtocol: boolean;
  /** Writes what waits now. */
  flush(): void;
  /** In peace: GOAWAY; streams under way are finished, then the listener hears `sessionOver`. */
  drain(): void;
  /** GOAWAY with the code, every stream's owner hears `h2Closed`, the listener `sessionOver`. The socket is the listener's to end. */
  abort(code: number, why: string): void;
  /** A PING whose answer is awaited so long; then `abort`. */
  ping(limitMs: number): void;
  /** The socket has ended or failed: every owner hears `h2Closed`. No listener is left at the socket. */
  lost(): void;
}

/** Who has the connection. */
export interface IH2SessionListener {
  /**
   * Client's side: a request. Returns who takes it; null refuses it (REFUSED_STREAM). `fields` are decoded and not judged.
   * `tooLarge`: the list was over the limit and is not complete; to be answered by 431. The peer ends its side by `end`.
   */
  streamOpened(stream: IH2Stream, fields: string[], end: boolean, tooLarge: boolean): IH2StreamOwner | null;
  /** A stream that was taken is over: all was sent and received, or it was reset, by whomever. The last that is told of it. */
  streamOver(owner: IH2StreamOwner): void;
  /** The peer's settings came, first or again: `room` may have changed. */
  settingsChanged(): void;
  /** The peer drains: GOAWAY, of whatever code; what it has not processed has heard so. A fault is followed by the socket's end. */
  peerDrains(): void;
  /** Nothing more comes or goes: drained, or aborted with `code` and why (also by a fault of the peer, or a budget's name). */
  sessionOver(code: number, why: string): void;
}
