// While the kernel forwards for us nothing else may keep the process alive, and its end would take the rules away: as an
// open port does, rules in force keep it running.

export class KeepAlive {
  #timer: NodeJS.Timeout | null = null;

  set(isNeeded: boolean): void {
    if (isNeeded) this.#timer ??= setInterval(() => {}, 1 << 30);
    else if (this.#timer !== null) {
      clearInterval(this.#timer);
      this.#timer = null;
    }
  }
}
