// Text that nobody is to read in a log, an error or a dump: whoever needs it says so.

export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  reveal(): string {
    return this.#text;
  }

  /** For comparing configurations, not for judging what a client sent. */
  equals(other: Secret): boolean {
    return this.#text === other.#text;
  }
}
