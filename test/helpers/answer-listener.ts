// Hears an origin as an exchange does, and keeps what it heard.

import type { IResponseHead } from '../../ts/codec/http-message.js';
import type { IAnswerListener, IOriginFailure } from '../../ts/http/exchange-types.js';

export interface IHeardAnswer extends IAnswerListener {
  readonly head: IResponseHead | null;
  readonly chunks: readonly Uint8Array[];
  readonly ended: boolean;
  readonly failure: IOriginFailure | null;
  readonly pauses: number;
  readonly drains: number;
  /** All calls in order. */
  readonly calls: readonly string[];
  text(): string;
  /** The end or the failure. */
  readonly over: Promise<void>;
  /** Called with each chunk, after it was kept. */
  onData: (chunk: Uint8Array) => void;
}

class Heard implements IHeardAnswer {
  head: IResponseHead | null = null;
  readonly chunks: Uint8Array[] = [];
  ended = false;
  failure: IOriginFailure | null = null;
  pauses = 0;
  drains = 0;
  readonly calls: string[] = [];
  onData: (chunk: Uint8Array) => void = () => {};
  #finish: () => void = () => {};
  readonly over = new Promise<void>((resolve) => {
    this.#finish = resolve;
  });

  text(): string {
    return Buffer.concat(this.chunks).toString();
  }

  answerInform(): void {
    this.calls.push('inform');
  }

  answerHead(head: IResponseHead): void {
    this.calls.push('head');
    this.head = head;
  }

  answerData(chunk: Uint8Array): void {
    this.calls.push('data');
    this.chunks.push(chunk);
    this.onData(chunk);
  }

  answerEnd(): void {
    this.calls.push('end');
    this.ended = true;
    this.#finish();
  }

  answerPause(): void {
    this.pauses++;
  }

  originDrained(): void {
    this.drains++;
  }

  answerSwitched(): void {
    this.calls.push('switched');
  }

  originFailed(failure: IOriginFailure): void {
    this.calls.push('failed');
    this.failure = failure;
    this.#finish();
  }
}

export const makeListener = (): IHeardAnswer => new Heard();
