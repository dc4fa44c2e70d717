// The Date field's value (RFC 9110 §5.6.7), made once a second.

import type { IClock } from '../base/clock.js';

export class HttpDate {
  readonly #clock: IClock;
  #second = Number.NaN;
  #text = '';

  constructor(clock: IClock) {
    this.#clock = clock;
  }

  now(): string {
    const second = Math.floor(this.#clock.wallMs() / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#text = new Date(second * 1000).toUTCString();
    }
    return this.#text;
  }
}
