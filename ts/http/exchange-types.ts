// What joins the two sides of one request, in terms that no version of HTTP owns. An exchange stands between a client
// side (an HTTP/1 connection's present request, an HTTP/2 stream) and an origin (a target's connection, a handler, an answer of
// our own) and hears both. Calls never throw. Whoever is told to stop (`cancel`, `cut`) calls nothing any more.

import type { Socket } from 'node:net';
import type { IRequestHead, IResponseHead, TFields } from '../codec/http-message.js';
import type { Connection } from '../flow/connection.js';
import type { TEnd } from '../flow/ends.js';
import type { IRecordHome } from '../flow/pair-record.js';

/** The client's side, as the exchange uses it. */
export interface IClientSide {
  /** An interim answer (RFC 9110 §15.2) other than 101. */
  inform(status: number, fields: TFields): void;
  /**
   * The answer's head, once. Its fields are final: hop-by-hop ones are gone, rules applied. It may wait in memory until
   * `data`, `end` or `flush`, so that head and small content make one write.
   */
  head(head: IResponseHead): void;
  /** Content. False: enough waits; `clientDrained` of the exchange tells when there is room. */
  data(chunk: Uint8Array): boolean;
  /** The answer is complete. */
  end(trailers: TFields | null): void;
  /** Nothing more comes in this turn: what waits in memory goes out. */
  flush(): void;
  /** The answer cannot be completed: the client must see that it was cut. `end` is for an HTTP/1 connection, which ends by it. */
  cut(end: TEnd): void;
  /** Starts, stops and continues the request's content; it begins stopped. After the answer the rest is the side's own affair. */
  pull(): void;
  hold(): void;
  /** What the request waits for from now on, 0: nothing; when it has passed, the side calls `timedOut` of the exchange. */
  limit(limitMs: number, end: TEnd): void;
  /** Calls `release` when that is over which carries the request, and what it has become: a connection, or a stream. */
  whenOver(release: () => void): void;
  /**
   * Only HTTP/1 will do: a side of another version tells the client so (RFC 9113 §7, HTTP_1_1_REQUIRED), and is done: true.
   */
  refuseVersion(): boolean;
  /**
   * The request as it came, with all that came behind it: for a socket handler, which reads it for itself. Only within the
   * exchange's `start`, and where it is the first of its connection; else null.
   */
  original(): Buffer | null;
  /**
   * After `head` with 101 (HTTP/2: 200): the socket for the tunnel, or a stream in its place, and what it already sent behind
   * its request. The side forgets the socket; listeners of its own are gone. null: it has none to give (it was cut meanwhile).
   */
  detach(): IDetached | null;
}

export interface IDetached {
  readonly socket: Socket;
  readonly bytes: Buffer | null;
  /** The tunnel's record: of the client's connection, or of one stream of it; and where it is kept. */
  readonly connection: Connection;
  readonly connections: IRecordHome;
  /** Where the proxy stops already: the milliseconds that connections have to end; else null. */
  readonly graceMs: number | null;
}

/** What the client's side tells the exchange. */
export interface IRequestListener {
  /** Content of the request, after `pull`. The chunk's memory is the listener's. */
  requestData(chunk: Buffer): void;
  requestEnd(trailers: TFields | null): void;
  clientDrained(): void;
  /** The client left, or broke the framing of its request (`malformed`); nothing more can be sent to it. */
  clientGone(why: 'left' | 'malformed' | 'shutdown' | 'timeout'): void;
}

/** Where a request goes. One origin serves one request at a time. */
export interface IOrigin {
  /**
   * The head, once. `head.fields` are final; Host is `head.authority`, framing follows `head.contentLength`. `listener` hears
   * everything from here on. Where `head.contentLength` is 0 the request is complete by it.
   */
  send(head: IRequestHead, listener: IAnswerListener): void;
  /** Content. False: enough waits; `originDrained` tells when there is room. */
  data(chunk: Uint8Array): boolean;
  end(trailers: TFields | null): void;
  flush(): void;
  /** Nobody wants the answer any more. The origin frees or destroys what it used. */
  cancel(): void;
  /** Stops and continues the answer's content. */
  hold(): void;
  pull(): void;
}

/** What an origin tells the exchange. */
export interface IAnswerListener {
  answerInform(status: number, fields: TFields): void;
  /** Hop-by-hop fields are still in it. */
  answerHead(head: IResponseHead): void;
  /** The chunk's memory is the listener's. */
  answerData(chunk: Uint8Array): void;
  /** The answer is complete; the origin has freed what it used, unless it still takes the request's content. */
  answerEnd(trailers: TFields | null): void;
  /** Nothing more comes in this turn. */
  answerPause(): void;
  originDrained(): void;
  /** 101 (HTTP/2: 2xx): the tunnel's socket, or a stream in its place, is the listener's from here on, with what it already sent. */
  answerSwitched(head: IResponseHead, socket: Socket, bytes: Buffer | null): void;
  /** It failed; `answerHead` may have been before. Nothing more comes. */
  originFailed(failure: IOriginFailure): void;
}

/** Why an origin has no (complete) answer. */
export interface IOriginFailure {
  readonly error: Error;
  /** True if the target cannot have seen anything of the request: it may be repeated, whatever it is. */
  readonly unsent: boolean;
  /**
   * True if the connection is to blame, not the target: it had served before and ended without a byte of an answer, or takes no
   * more requests (HTTP/2: GOAWAY, REFUSED_STREAM).
   */
  readonly stale: boolean;
}
