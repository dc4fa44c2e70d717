// Compresses the content of an answer on its way to the client, at the client's pace.

import type { BrotliCompress, Gzip } from 'node:zlib';
import { fieldValue, type IRequestHead, type IResponseHead, type TFields } from '../codec/http-message.js';
import type { ICompression } from '../config/types.js';
import type { TComplete } from '../config/with-defaults.js';
import * as plugins from '../plugins.js';
import { chooseCoding, type TCoding } from './compress-accept.js';
import { compressedHead, type IOpenHead, isCompressible, varies } from './compress-rule.js';

/** Whoever passes the compressed content on. */
export interface ICompressedListener {
  /** False: enough waits; `drained` of the compressor tells when there is room. */
  compressed(chunk: Uint8Array): boolean;
  /** Nothing more comes in this turn. */
  compressedPause(): void;
  compressedEnd(trailers: TFields | null): void;
  /** There is room again, after `push` was answered by false. */
  compressorDrained(): void;
  /** Nothing more comes. */
  compressorFailed(error: Error): void;
}

export interface ICompressor {
  /** What the client is to be told. */
  readonly head: IResponseHead;
  /** False: enough waits. */
  push(chunk: Uint8Array): boolean;
  /** Whatever was pushed goes out. */
  flush(): void;
  end(trailers: TFields | null): void;
  /** The listener takes more again. */
  drained(): void;
  /** Frees what it holds; nothing more comes. */
  cancel(): void;
}

/**
 * The compressor of an answer; null if it goes as it is. Where another client would get it compressed, `head.fields` gets
 * its Vary either way.
 */
export function compressorFor(
  request: IRequestHead,
  head: IOpenHead,
  rule: TComplete<ICompression>,
  listener: ICompressedListener,
): ICompressor | null {
  if (!isCompressible(head, request, rule)) return null;
  varies(head);
  const coding = chooseCoding(fieldValue(request.fields, 'accept-encoding'), available(rule.algorithms));
  if (coding === null) return null;
  if (request.method === 'HEAD') return new HeadAlone(compressedHead(head, coding), listener);
  return new Compressor(compressedHead(head, coding), coding, listener);
}

class Compressor implements ICompressor {
  readonly head: IResponseHead;
  readonly #stream: TStream;
  readonly #flushKind: number | undefined;
  /** null when all is said. */
  #listener: ICompressedListener | null;
  #trailers: TFields | null = null;
  /** Something was pushed since the last flush. */
  #unflushed = false;
  #pauseDue = false;

  constructor(head: IResponseHead, coding: TCoding, listener: ICompressedListener) {
    const stream = makeStream(coding);
    this.head = head;
    // Node's own for gzip would also forget what was learned so far; for the others there is one.
    this.#flushKind = coding === 'gzip' ? plugins.requireZlib().constants.Z_SYNC_FLUSH : undefined;
    this.#stream = stream;
    this.#listener = listener;
    stream.on('error', this.#failed);
    stream.on('data', this.#took);
    stream.on('drain', () => this.#listener?.compressorDrained());
    stream.on('end', this.#ended);
  }

  push(chunk: Uint8Array): boolean {
    if (this.#listener === null) return true;
    this.#unflushed = true;
    return this.#stream.write(chunk);
  }

  flush(): void {
    if (this.#listener === null) return;
    if (!this.#unflushed) return this.#pauseSoon();
    this.#unflushed = false;
    this.#stream.flush(this.#flushKind);
  }

  end(trailers: TFields | null): void {
    this.#trailers = trailers;
    this.#stream.end();
  }

  drained(): void {
    this.#stream.resume();
  }

  cancel(): void {
    this.#listener = null;
    this.#stream.destroy();
  }

  readonly #took = (chunk: Buffer): void => {
    if (this.#listener === null) return;
    if (!this.#listener.compressed(chunk)) this.#stream.pause();
    this.#pauseSoon();
  };

  readonly #ended = (): void => {
    const listener = this.#listener;
    this.#listener = null;
    listener?.compressedEnd(this.#trailers);
  };

  readonly #failed = (error: Error): void => {
    const listener = this.#listener;
    this.cancel();
    listener?.compressorFailed(error);
  };

  /** What is compressed in a turn goes out at its end, together. */
  #pauseSoon(): void {
    if (this.#pauseDue) return;
    this.#pauseDue = true;
    setImmediate(this.#paused);
  }

  readonly #paused = (): void => {
    this.#pauseDue = false;
    this.#listener?.compressedPause();
  };
}

/** Of an answer to HEAD, which says what one to GET would (RFC 9110 §9.3.2), and has no content. */
class HeadAlone implements ICompressor {
  readonly head: IResponseHead;
  readonly #listener: ICompressedListener;

  constructor(head: IResponseHead, listener: ICompressedListener) {
    this.head = head;
    this.#listener = listener;
  }

  push(): boolean {
    return true;
  }

  end(trailers: TFields | null): void {
    this.#listener.compressedEnd(trailers);
  }

  flush(): void {
    this.#listener.compressedPause();
  }

  drained(): void {}
  cancel(): void {}
}

type TStream = Gzip | BrotliCompress;

/** Between speed and size: what they save beyond it costs more time than it saves on the way. */
const gzipLevel = 6;
const brotliQuality = 4;
const zstdLevel = 3;
/** Bits of the window, so that a stream costs some hundred kB and not megabytes. */
const windowBits = 18;

function makeStream(coding: TCoding): TStream {
  const zlib = plugins.requireZlib();
  const { constants } = zlib;
  if (coding === 'gzip') return zlib.createGzip({ level: gzipLevel });
  if (coding === 'br') {
    return zlib.createBrotliCompress({
      params: { [constants.BROTLI_PARAM_QUALITY]: brotliQuality, [constants.BROTLI_PARAM_LGWIN]: windowBits },
    });
  }
  return (zlib as unknown as IZstd).createZstdCompress({
    params: { [levelParameter]: zstdLevel, [windowParameter]: windowBits },
  });
}

/** What Node 20 does not have, nor its types: zstd, with two parameters of its own (`ZSTD_c_compressionLevel`, `_windowLog`). */
interface IZstd {
  createZstdCompress(options: { params: Readonly<Record<number, number>> }): TStream;
}
const levelParameter = 100;
const windowParameter = 101;

/** Without those that this Node does not have. */
function available(codings: readonly TCoding[]): readonly TCoding[] {
  if (!codings.includes('zstd') || 'createZstdCompress' in plugins.requireZlib()) return codings;
  return codings.filter((coding) => coding !== 'zstd');
}
