// Questions, answers and news between two processes. What one turn of the loop has to say goes in one message.

import { maxDelayMs } from '../base/clock.js';
import { ConfigError, type IFault, messageOf, ProxyError, type TErrorCode } from '../base/errors.js';
import type { IHandle } from './handles.js';

/** A channel, of whichever side. */
export interface IWireEnd {
  /** `sent`: it was given to the system, or cannot be. Throws nothing. */
  send(message: unknown, handle: IHandle | null, sent: (error: Error | null) => void): void;
}

/** Name -> what is asked and what is answered. News are not answered. */
export type TTopics<T> = { readonly [K in keyof T]: { readonly in: unknown; readonly out: unknown } };

/** An answer with a handle, of which the other side gets a copy. */
export class WithHandle<T> {
  constructor(
    readonly value: T,
    readonly handle: IHandle,
  ) {}
}

export type THandlers<T extends TTopics<T>> = {
  readonly [K in keyof T]: (
    data: T[K]['in'],
    handle: IHandle | null,
  ) => T[K]['out'] | WithHandle<T[K]['out']> | Promise<T[K]['out'] | WithHandle<T[K]['out']>>;
};

/** Why there is no answer: the process is gone, or does not answer in time. Anything else was its answer. */
export class WireError extends Error {}

interface IItem {
  readonly kind: 'ask' | 'tell' | 'good' | 'bad';
  readonly id: number;
  readonly topic: string;
  readonly data: unknown;
}

interface IAsked {
  readonly settle: (answer: { readonly data: unknown; readonly handle: IHandle | null } | Error) => void;
  readonly timer: NodeJS.Timeout;
}

/** `Out` are the topics that the other side knows, `In` those of this one. */
export class Wire<Out extends TTopics<Out>, In extends TTopics<In>> {
  readonly #end: IWireEnd;
  readonly #handlers: THandlers<In>;
  readonly #asked = new Map<number, IAsked>();
  #queue: IItem[] = [];
  #flushing: NodeJS.Immediate | null = null;
  #lastId = 0;
  #closed = false;
  #unsent = 0;

  constructor(end: IWireEnd, handlers: THandlers<In>) {
    this.#end = end;
    this.#handlers = handlers;
  }

  /**
   * `handle` goes along; ours stays open.
   * @throws WireError without an answer; ProxyError and others as the other side threw them
   */
  async ask<K extends keyof Out & string>(
    topic: K,
    data: Out[K]['in'],
    withinMs: number,
    handle: IHandle | null = null,
  ): Promise<Out[K]['out']> {
    const answer = await this.askForHandle(topic, data, withinMs, handle);
    return answer.data;
  }

  askForHandle<K extends keyof Out & string>(
    topic: K,
    data: Out[K]['in'],
    withinMs: number,
    given: IHandle | null = null,
  ): Promise<{ readonly data: Out[K]['out']; readonly handle: IHandle | null }> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(new WireError('the process is gone'));
      const timer = setTimeout(
        () => {
          this.#asked.delete(id);
          reject(new WireError(`no answer to ${topic} within ${withinMs} ms`));
        },
        Math.min(withinMs, maxDelayMs),
      );
      const settle: IAsked['settle'] = (answer) => (answer instanceof Error ? reject(answer) : resolve(answer));
      this.#asked.set(id, { settle, timer });
      const item: IItem = { kind: 'ask', id, topic, data };
      if (given === null) return this.#put(item);
      this.#flush();
      this.#send([item], given);
    });
  }

  /** `sent` is for handles: ours may be closed then. */
  tell<K extends keyof Out & string>(
    topic: K,
    data: Out[K]['in'],
    handle: IHandle | null = null,
    sent: (error: Error | null) => void = () => {},
  ): void {
    if (this.#closed) return sent(new WireError('the process is gone'));
    if (handle === null) return this.#put({ kind: 'tell', id: 0, topic, data });
    this.#flush();
    this.#send([{ kind: 'tell', id: 0, topic, data }], handle, sent);
  }

  /** Messages that the system has not taken yet: the other side does not keep up. */
  get unsent(): number {
    return this.#unsent;
  }

  /** What came through the channel. */
  received(message: unknown, handle: IHandle | null): void {
    if (this.#closed) return handle?.close();
    for (const item of message as readonly IItem[]) {
      if (item.kind === 'good' || item.kind === 'bad') this.#answered(item, handle);
      else void this.#serve(item, handle);
    }
  }

  /** Nothing comes any more. */
  close(): void {
    this.#closed = true;
    this.#queue = [];
    if (this.#flushing !== null) clearImmediate(this.#flushing);
    for (const { settle, timer } of this.#asked.values()) {
      clearTimeout(timer);
      settle(new WireError('the process is gone'));
    }
    this.#asked.clear();
  }

  /** Sends what waits, now. */
  flush(): void {
    this.#flush();
  }

  #answered({ kind, id, data }: IItem, handle: IHandle | null): void {
    const asked = this.#asked.get(id);
    if (asked === undefined) return void handle?.close();
    this.#asked.delete(id);
    clearTimeout(asked.timer);
    asked.settle(kind === 'good' ? { data, handle } : errorOf(data as IPlainError));
  }

  async #serve({ kind, id, topic, data }: IItem, handle: IHandle | null): Promise<void> {
    try {
      const handler = this.#handlers[topic as keyof In];
      const answer: unknown = await handler?.(data as In[keyof In]['in'], handle);
      if (kind === 'tell') return;
      if (!(answer instanceof WithHandle)) return this.#put({ kind: 'good', id, topic, data: answer });
      this.#flush();
      this.#send([{ kind: 'good', id, topic, data: answer.value }], answer.handle);
    } catch (error) {
      if (kind === 'ask') this.#put({ kind: 'bad', id, topic, data: plainError(error) });
    }
  }

  #put(item: IItem): void {
    if (this.#closed) return;
    this.#queue.push(item);
    this.#flushing ??= setImmediate(() => this.#flush());
  }

  #flush(): void {
    if (this.#flushing !== null) clearImmediate(this.#flushing);
    this.#flushing = null;
    if (this.#queue.length === 0 || this.#closed) return;
    const queue = this.#queue;
    this.#queue = [];
    this.#send(queue, null);
  }

  #send(items: readonly IItem[], handle: IHandle | null, sent: (error: Error | null) => void = () => {}): void {
    this.#unsent++;
    this.#end.send(items, handle, (error) => {
      this.#unsent--;
      sent(error);
    });
  }
}

interface IPlainError {
  readonly message: string;
  readonly code: string | null;
  readonly faults: readonly IFault[] | null;
}

export function plainError(error: unknown): IPlainError {
  const faults = error instanceof ConfigError ? error.faults : null;
  return { message: messageOf(error), code: error instanceof ProxyError ? error.code : null, faults };
}

function errorOf({ message, code, faults }: IPlainError): Error {
  if (faults !== null) return new ConfigError(faults);
  return code === null ? new Error(message) : new ProxyError(code as TErrorCode, message);
}
