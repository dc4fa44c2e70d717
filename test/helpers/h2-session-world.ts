// A session of HTTP/2 with a peer that a test plays itself, and everything that its listener and owners hear.

import type { IClock } from '../../ts/base/clock.js';
import { systemClock } from '../../ts/base/clock.js';
import { defaultH2Limits, type IH2Limits } from '../../ts/http/h2-limits.js';
import { H2Session } from '../../ts/http/h2-session.js';
import type { IH2SessionListener, IH2Stream, IH2StreamOwner } from '../../ts/http/h2-types.js';
import { RawPeer } from './h2-raw.js';
import { makeSocketPair } from './socket-pair.js';
import { until } from './until.js';

/** Who uses a stream, and what it heard, in order: `headers`, `data 5`, `end`, `closed 8`, `unprocessed 7`, `drained`, `pause`. */
export class RecordedOwner implements IH2StreamOwner {
  stream: IH2Stream | null = null;
  readonly heard: string[] = [];
  readonly blocks: string[][] = [];
  content: Buffer = Buffer.alloc(0);
  askedMs = Number.POSITIVE_INFINITY;
  /** Content is asked for from the beginning. */
  pulls = true;
  /** Called with what was heard last. */
  react: (heard: string) => void = () => {};

  h2Headers(fields: string[], end: boolean): void {
    this.blocks.push(fields);
    this.#hear(end ? 'headers end' : 'headers');
  }

  h2Data(chunk: Buffer): void {
    this.content = Buffer.concat([this.content, chunk]);
    this.#hear(`data ${chunk.length}`);
  }

  h2End(): void {
    this.#hear('end');
  }

  h2Drained(): void {
    this.#hear('drained');
  }

  h2Closed(code: number, unprocessed: boolean): void {
    this.#hear(unprocessed ? `unprocessed ${code}` : `closed ${code}`);
  }

  h2Pause(): void {
    this.#hear('pause');
  }

  #hear(what: string): void {
    this.heard.push(what);
    this.react(what);
  }
}

export class RecordedListener implements IH2SessionListener {
  readonly owners: RecordedOwner[] = [];
  readonly requests: { fields: string[]; end: boolean; tooLarge: boolean }[] = [];
  overs = 0;
  settings = 0;
  drains = 0;
  over: { code: number; why: string } | null = null;
  /** Called when the session is over. */
  ended: () => void = () => {};
  /** What is done with a request; null refuses it. */
  serve: (stream: IH2Stream, owner: RecordedOwner) => RecordedOwner | null = (_stream, owner) => owner;

  streamOpened(stream: IH2Stream, fields: string[], end: boolean, tooLarge: boolean): IH2StreamOwner | null {
    this.requests.push({ fields, end, tooLarge });
    const owner = new RecordedOwner();
    owner.stream = stream;
    const taken = this.serve(stream, owner);
    if (taken === null) return null;
    this.owners.push(taken);
    if (taken.pulls) stream.pull();
    return taken;
  }

  streamOver(): void {
    this.overs++;
  }

  settingsChanged(): void {
    this.settings++;
  }

  peerDrains(): void {
    this.drains++;
  }

  sessionOver(code: number, why: string): void {
    if (this.over !== null) throw new Error('sessionOver twice');
    this.over = { code, why };
    this.ended();
  }
}

export interface IH2World extends AsyncDisposable {
  readonly session: H2Session;
  readonly listener: RecordedListener;
  readonly peer: RawPeer;
  /** Of the request that came so many-th, once it came. */
  owner(index?: number): Promise<RecordedOwner>;
  /** Target's side: opens a stream, by an owner that pulls. */
  open(fields: readonly string[], end?: boolean): RecordedOwner;
  untilOver(): Promise<{ code: number; why: string }>;
}

interface IWorldOptions {
  readonly role?: 'client-side' | 'target-side';
  readonly limits?: Partial<IH2Limits>;
  readonly clock?: IClock;
  /** Of the peer; identifiers and values in turn. */
  readonly settings?: readonly number[];
  /** False: the peer sends nothing by itself. */
  readonly begins?: boolean;
}

/** The session's socket is ended when the session is over, as its listeners do. */
export async function makeH2World(options: IWorldOptions = {}): Promise<IH2World> {
  const { role = 'client-side', clock = systemClock, settings = [], begins = true } = options;
  const pair = await makeSocketPair();
  pair.near.setNoDelay(true);
  const listener = new RecordedListener();
  listener.ended = () => pair.near.end();
  const limits = { ...defaultH2Limits, ...options.limits };
  const session = new H2Session({ role, socket: pair.near, listener, limits, clock });
  pair.near.once('close', () => session.lost());
  const peer = new RawPeer(pair.far, role === 'target-side');
  session.start(null);
  if (begins) peer.begin(...settings);
  return {
    session,
    listener,
    peer,
    async owner(index = 0) {
      await until(
        () => listener.owners.length > index,
        15_000,
        () => `request ${index}`,
      );
      return listener.owners[index] as RecordedOwner;
    },
    open(fields, end = true) {
      const owner = new RecordedOwner();
      const stream = session.open(owner);
      if (stream === null) throw new Error('no stream');
      owner.stream = stream;
      stream.pull();
      stream.sendHeaders(fields, end);
      return owner;
    },
    async untilOver() {
      await until(
        () => listener.over !== null,
        15_000,
        () => 'the end of the session',
      );
      return listener.over as { code: number; why: string };
    },
    async [Symbol.asyncDispose]() {
      session.lost();
      await pair[Symbol.asyncDispose]();
    },
  };
}
