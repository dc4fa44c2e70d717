// PING frames of ours and their answers (RFC 9113 §6.7).

import type { IClock, ITimer } from '../base/clock.js';
import type { H2Sender } from './h2-send.js';

interface IAwaited {
  readonly timer: ITimer;
  readonly done: (answered: boolean) => void;
}

export class H2Pings {
  readonly #sender: H2Sender;
  readonly #clock: IClock;
  /** Made with the first. */
  #awaited: Map<number, IAwaited> | null = null;
  #last = 0;

  constructor(sender: H2Sender, clock: IClock) {
    this.#sender = sender;
    this.#clock = clock;
  }

  /** `done` is called once: answered within the time, or not. */
  send(limitMs: number, done: (answered: boolean) => void): void {
    const number = ++this.#last;
    const payload = Buffer.alloc(8);
    payload.writeUInt32BE(number, 4);
    this.#sender.writer.ping(false, payload, 0);
    this.#sender.later();
    const timer = this.#clock.setTimer(() => this.#finish(number, false), limitMs);
    this.#awaited ??= new Map();
    this.#awaited.set(number, { timer, done });
  }

  /** The payload of an answer; false if it is to none of ours. */
  answered(payload: Buffer, at: number): boolean {
    return payload.readUInt32BE(at) === 0 && this.#finish(payload.readUInt32BE(at + 4), true);
  }

  stop(): void {
    for (const { timer } of this.#awaited?.values() ?? []) timer.cancel();
    this.#awaited = null;
  }

  #finish(number: number, isAnswered: boolean): boolean {
    const awaited = this.#awaited?.get(number);
    if (awaited === undefined) return false;
    this.#awaited?.delete(number);
    awaited.timer.cancel();
    awaited.done(isAnswered);
    return true;
  }
}
