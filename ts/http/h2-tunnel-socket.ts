// A stream of HTTP/2 with a socket's manners, for tunnels that are not a connection of their own (RFC 8441 §5): FIN is END_STREAM,
// a reset is RST_STREAM with CANCEL.

import type { Socket } from 'node:net';
import type { IClock, ITimer } from '../base/clock.js';
import { h2Error } from '../codec/http2-frame.js';
import * as plugins from '../plugins.js';
import type { IH2Stream } from './h2-types.js';

export interface ITunnelSocketParts {
  readonly stream: IH2Stream;
  readonly clock: IClock;
  /** Who is at the other end of the connection. */
  readonly remoteAddress: string | undefined;
  readonly remotePort: number | undefined;
}

/** How long a peer has to take what was sent before our end, once nobody waits for it. */
const leaveMs = 10_000;

/** The owner of the stream passes on what it hears. Errors are handled from the beginning. */
export class H2TunnelSocket extends plugins.stream.Duplex {
  readonly remoteAddress: string | undefined;
  readonly remotePort: number | undefined;
  readonly connecting = false;
  bytesRead = 0;
  bytesWritten = 0;
  /** What waits below the writer is asked of a socket's handle, wherever a stalled reader is looked for. */
  readonly _handle: { readonly writeQueueSize: number };
  readonly #stream: IH2Stream;
  readonly #clock: IClock;
  /** Given where the stream has enough: to be called when there is room. */
  #written: (() => void) | null = null;
  #leaving: ITimer | null = null;

  constructor({ stream, clock, remoteAddress, remotePort }: ITunnelSocketParts) {
    super({ allowHalfOpen: true });
    this.remoteAddress = remoteAddress;
    this.remotePort = remotePort;
    this.#stream = stream;
    this.#clock = clock;
    this._handle = {
      get writeQueueSize() {
        return stream.waitingBytes;
      },
    };
    this.on('error', ignore);
  }

  /** For whoever pairs sockets: they use of one what is here. */
  get asSocket(): Socket {
    return this as unknown as Socket;
  }

  h2Data(chunk: Buffer): void {
    if (this.destroyed) return;
    this.bytesRead += chunk.length;
    if (!this.push(chunk)) this.#stream.hold();
  }

  h2End(): void {
    if (!this.destroyed) this.push(null);
  }

  h2Drained(): void {
    const written = this.#written;
    this.#written = null;
    written?.();
  }

  /** The stream is over before both sides were. */
  h2Closed(code: number): void {
    this.#leaving?.cancel();
    if (code === h2Error.noError) this.destroy();
    else this.destroy(Object.assign(new Error('the stream was reset'), { code: 'ECONNRESET' }));
  }

  /** The stream is over, whoever ended it. Who has sent his end may have refused to hear ours: then nobody is left to write to. */
  over(): void {
    this.#leaving?.cancel();
    if (this.destroyed || this.writableEnded) return;
    if (this.readableEnded) this.destroy();
    else this.once('end', () => this.destroy());
  }

  resetAndDestroy(): this {
    this.#stream.reset(h2Error.cancel);
    return this.destroy();
  }

  override _read(): void {
    this.#stream.pull();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, written: () => void): void {
    this.bytesWritten += chunk.length;
    if (this.#stream.sendData(chunk)) written();
    else this.#written = written;
  }

  override _final(done: () => void): void {
    this.#stream.sendEnd(null);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#written = null;
    if (!this.writableFinished) {
      this.#stream.reset(h2Error.cancel);
    } else {
      // What was sent before our end is still to be taken, as it is from a socket's kernel.
      if (this.#stream.waitingBytes > 0) {
        this.#leaving = this.#clock.setTimer(() => this.#stream.reset(h2Error.cancel), leaveMs);
      }
      this.#stream.reset(h2Error.noError);
    }
    done(error);
  }
}

function ignore(): void {}
