// The HTTP probe in HTTP/1.1: one request on a connection of its own, and whether the answer is what is expected.

import type { Socket } from 'node:net';
import { ProxyError } from '../../base/errors.js';
import { ChunkedReader } from '../../codec/http1-chunked.js';
import { decodeResponseHead, type IHttp1Response } from '../../codec/http1-response.js';
import { writeRequestHead } from '../../codec/http1-write.js';
import type { IResolvedHttpProbe } from '../../config/resolved.js';
import { judgeContent, judgeStatus, probeHead, type TVerdict } from './health-verdict.js';

const limits = { maxBytes: 16_384, maxFields: 100 };

/** Asks on a connected socket, and calls `done` once: with null, or with why the target is not well. Bounds no time. */
export function askHealth(
  socket: Socket,
  probe: IResolvedHttpProbe,
  place: { readonly host: string; readonly port: number },
  done: (failure: ProxyError | null) => void,
): void {
  const reader = new HealthAnswer(probe);
  let over = false;
  const settle = (verdict: TVerdict) => {
    if (verdict === 'more' || over) return;
    over = true;
    done(verdict === 'well' ? null : new ProxyError('TARGET_BROKE', verdict.why));
  };
  socket.on('data', (bytes: Buffer) => settle(reader.read(bytes)));
  socket.on('end', () => settle(reader.end()));
  socket.on('close', () => settle(reader.end()));
  socket.write(writeRequestHead(probeHead(probe, place), 'close'), 'latin1');
}

class HealthAnswer {
  readonly #probe: IResolvedHttpProbe;
  #unread = Buffer.alloc(0);
  #head: IHttp1Response | null = null;
  #chunks: ChunkedReader | null = null;
  #content = Buffer.alloc(0);

  constructor(probe: IResolvedHttpProbe) {
    this.#probe = probe;
  }

  read(bytes: Buffer): TVerdict {
    if (this.#head !== null) return this.#readContent(this.#head, bytes);
    this.#unread = Buffer.concat([this.#unread, bytes]);
    for (;;) {
      const decoded = decodeResponseHead(this.#unread, 0, limits, 'GET');
      if (decoded.kind === 'broken') return { why: `its answer is not HTTP: ${decoded.why}` };
      if (decoded.kind === 'short') return 'more';
      const rest = this.#unread.subarray(decoded.used);
      this.#unread = rest;
      if (decoded.value.status >= 200) return this.#takeHead(decoded.value, rest);
    }
  }

  /** Nothing more comes. */
  end(): TVerdict {
    if (this.#head === null) return { why: 'it closed the connection without an answer' };
    if (this.#head.framing === 'close') return this.#judge(true);
    return { why: 'it closed the connection in the middle of its answer' };
  }

  #takeHead(head: IHttp1Response, rest: Buffer): TVerdict {
    const verdict = judgeStatus(this.#probe, head.status);
    if (verdict !== 'more') return verdict;
    this.#head = head;
    this.#chunks = head.framing === 'chunked' ? new ChunkedReader() : null;
    return head.framing === 'none' ? this.#judge(true) : this.#readContent(head, rest);
  }

  #readContent({ framing, contentLength }: IHttp1Response, bytes: Buffer): TVerdict {
    const chunks = this.#chunks;
    if (chunks === null) {
      this.#content = Buffer.concat([this.#content, bytes]);
      return this.#judge(framing === 'length' && this.#content.length >= contentLength);
    }
    const pieces: Buffer[] = [this.#content];
    chunks.read(bytes, 0, (chunk) => pieces.push(chunk));
    this.#content = Buffer.concat(pieces);
    if (chunks.fault !== null) return { why: `its answer is not HTTP: ${chunks.fault}` };
    return this.#judge(chunks.done);
  }

  #judge(isAll: boolean): TVerdict {
    return judgeContent(this.#probe, this.#content, isAll);
  }
}
