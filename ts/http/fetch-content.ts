// The content of a request as the stream that an HTTP handler reads it from, at the handler's pace.

/** Bytes that wait for the handler before the client is stopped. */
const waitingBytes = 65_536;

const sizes = { highWaterMark: waitingBytes, size: (chunk: Uint8Array) => chunk.byteLength };

export class FetchContent {
  readonly stream: ReadableStream<Uint8Array>;
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  #stopped = false;

  /** `drained` is called when there is room again. Not a stream of bytes: that would take the memory of chunks away. */
  constructor(drained: () => void) {
    this.stream = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => {
          if (!this.#stopped) return;
          this.#stopped = false;
          drained();
        },
        // The handler wants no more: what still comes is thrown away, so that the client can finish.
        cancel: () => {
          this.#controller = null;
          if (this.#stopped) drained();
        },
      },
      sizes,
    );
  }

  /** False if enough waits. */
  push(chunk: Uint8Array): boolean {
    const controller = this.#controller;
    if (controller === null) return true;
    controller.enqueue(chunk);
    this.#stopped = (controller.desiredSize ?? 1) <= 0;
    return !this.#stopped;
  }

  close(): void {
    this.#controller?.close();
    this.#controller = null;
  }

  /** The content will never be whole: whoever reads it must not take it for complete. */
  fail(error: unknown): void {
    this.#controller?.error(error);
    this.#controller = null;
  }
}
