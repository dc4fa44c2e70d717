// Events as they happen, for whoever listens (text/event-stream). Who does not take them loses them, and is told how many.

import type { ServerResponse } from 'node:http';
import type { IClock, ITimer } from '../base/clock.js';
import { AdminError } from './admin-error.js';
import type { IAdminEvent, IAdminView, TAdminEventKind } from './view.js';

/** Listeners at a time. */
export const maxStreams = 32;

/** Bytes that wait for one listener; what happens meanwhile is dropped. */
export const maxWaitingBytes = 256 * 1024;

/** A sign of life, which also finds those that are gone. */
export const heartbeatMs = 15_000;

/** Heartbeats in a row at which something waits for a listener that has taken nothing: it is given up. */
const patience = 4;

interface IStream {
  readonly response: ServerResponse;
  dropped: number;
  /** Written to its socket at the last heartbeat, and how often in a row it had not moved. */
  taken: number;
  stuck: number;
}

interface IChannel {
  readonly streams: Set<IStream>;
  stop: () => void;
}

export class EventStreams {
  /** Since the start, of all listeners. */
  dropped = 0;
  readonly #view: Pick<IAdminView, 'subscribe'>;
  readonly #clock: IClock;
  readonly #streams = new Set<IStream>();
  readonly #channels = new Map<TAdminEventKind, IChannel>();
  #timer: ITimer | null = null;

  constructor(view: Pick<IAdminView, 'subscribe'>, clock: IClock) {
    this.#view = view;
    this.#clock = clock;
  }

  get size(): number {
    return this.#streams.size;
  }

  /** Answers with events of these kinds until the client leaves. @throws AdminError where there are too many listeners */
  async open(response: ServerResponse, kinds: ReadonlySet<TAdminEventKind>): Promise<void> {
    if (this.#streams.size >= maxStreams) {
      throw new AdminError(503, 'TOO_BUSY', `${maxStreams} listeners are there already`);
    }
    const stream: IStream = { response, dropped: 0, taken: 0, stuck: 0 };
    this.#streams.add(stream);
    response.on('close', () => this.#forget(stream));
    response.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    response.write(': events follow\n\n');
    this.#timer ??= this.#beatLater();
    for (const kind of kinds) await this.#join(stream, kind);
  }

  /** Ends all of them. */
  close(): void {
    for (const { response } of this.#streams) response.end();
    for (const stream of [...this.#streams]) this.#forget(stream);
  }

  async #join(stream: IStream, kind: TAdminEventKind): Promise<void> {
    if (!this.#streams.has(stream)) return;
    const known = this.#channels.get(kind);
    if (known !== undefined) {
      known.streams.add(stream);
      return;
    }
    const channel: IChannel = { streams: new Set([stream]), stop: () => {} };
    this.#channels.set(kind, channel);
    try {
      channel.stop = await this.#view.subscribe(new Set([kind]), (event) => this.#tell(channel, event));
    } catch (error) {
      this.#channels.delete(kind);
      throw error;
    }
    // The last one may have left meanwhile.
    if (this.#channels.get(kind) !== channel) channel.stop();
  }

  /** The text is made once for all. */
  #tell({ streams }: IChannel, event: IAdminEvent): void {
    const text = textOf(event);
    for (const stream of streams) this.#send(stream, text);
  }

  #send(stream: IStream, text: string): void {
    const { response } = stream;
    if (response.writableLength > maxWaitingBytes) {
      stream.dropped++;
      this.dropped++;
      return;
    }
    if (stream.dropped > 0) {
      const count = stream.dropped;
      stream.dropped = 0;
      response.write(textOf({ kind: 'dropped', at: this.#clock.wallMs(), data: { count } }));
    }
    response.write(text);
  }

  #beatLater(): ITimer {
    return this.#clock.setTimer(() => this.#beat(), heartbeatMs);
  }

  #beat(): void {
    for (const stream of [...this.#streams]) {
      const { response } = stream;
      const taken = (response.socket?.bytesWritten ?? 0) - response.writableLength;
      stream.stuck = response.writableLength > 0 && taken <= stream.taken ? stream.stuck + 1 : 0;
      stream.taken = taken;
      if (stream.stuck >= patience) response.destroy();
      else if (response.writableLength <= maxWaitingBytes) response.write(':\n\n');
    }
    this.#timer = this.#streams.size === 0 ? null : this.#beatLater();
  }

  #forget(stream: IStream): void {
    if (!this.#streams.delete(stream)) return;
    for (const [kind, channel] of this.#channels) {
      channel.streams.delete(stream);
      if (channel.streams.size > 0) continue;
      this.#channels.delete(kind);
      channel.stop();
    }
    if (this.#streams.size > 0) return;
    this.#timer?.cancel();
    this.#timer = null;
  }
}

/** JSON has no line breaks of its own. */
const textOf = (event: Omit<IAdminEvent, 'kind'> & { readonly kind: string }): string =>
  `data: ${JSON.stringify(event)}\n\n`;
