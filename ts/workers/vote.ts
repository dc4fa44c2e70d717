// An update that is ready and waits to hear whether the other processes come along.

export class Vote {
  readonly ready: Promise<void>;
  readonly #decided: Promise<boolean>;
  #isReady: () => void = () => {};
  #decide: (goes: boolean) => void = () => {};

  constructor() {
    this.ready = new Promise((resolve) => {
      this.#isReady = resolve;
    });
    this.#decided = new Promise((resolve) => {
      this.#decide = resolve;
    });
  }

  /** For the update. Rejects if it is not to be. */
  async agreed(): Promise<void> {
    this.#isReady();
    if (!(await this.#decided)) throw new Error('another process cannot take this update');
  }

  decide(goes: boolean): void {
    this.#decide(goes);
  }
}
