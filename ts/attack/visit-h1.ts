// One connection of HTTP/1.1: sends what it is told, reads answers, and finds out whether more than one was given.

import type { Socket } from 'node:net';
import { ChunkedReader } from '../codec/http1-chunked.js';
import { decodeResponseHead, type IHttp1Response } from '../codec/http1-response.js';
import { canaryField } from './markers.js';
import type { IAim, IAnswer, IVisit } from './types.js';
import { get } from './write-h1.js';

export interface IVisitOptions {
  readonly socket: Socket;
  readonly aim: IAim;
  /** One character an octet. */
  readonly text: string;
  /** From now on. */
  readonly waitMs: number;
}

/** The name of the request that is sent behind the first answer: what comes before its own answer was asked for by `text`. */
export const fence = 'fence';

/**
 * Resolves when all answers to `text` have come: the connection was closed, or an innocent request behind the first answer was
 * answered too. That one, which asks to close, is not among them.
 */
export function visitByH1({ socket, aim, text, waitMs }: IVisitOptions): Promise<IVisit> {
  return new Promise((resolve) => {
    const reader = new AnswerReader(/^\s*(\S+)/.exec(text)?.[1] ?? '');
    let isFenced = false;
    const settle = (end: IVisit['end']) => {
      clearTimeout(late);
      socket.removeAllListeners('data');
      socket.destroy();
      resolve({ answers: reader.answers.slice(0, isFenced && reader.last ? -1 : undefined), end, words: reader.fault });
    };
    const late = setTimeout(() => settle('late'), waitMs);
    const look = () => {
      if (reader.fault !== '' || reader.isSwitched) return settle('done');
      if (isFenced || reader.answers.length === 0 || reader.closes) return;
      isFenced = true;
      socket.write(get(aim, `${canaryField}: ${fence}`, 'Connection: close'));
    };
    const ended = () => {
      reader.end();
      // Behind an answer that promised no end, a fence may have got none.
      settle('closed');
    };
    socket.on('data', (bytes: Buffer) => {
      reader.read(bytes);
      look();
    });
    socket.on('end', ended);
    socket.on('close', ended);
    socket.write(text, 'latin1');
  });
}

/** Larger than any answer's head that is worth reading. */
const limits = { maxBytes: 262_144, maxFields: 1_000 };
/** Of the content of an answer: more is not looked at. */
const maxContent = 65_536;

class AnswerReader {
  readonly answers: IAnswer[] = [];
  fault = '';
  /** The last answer said that it is the last. */
  closes = false;
  isSwitched = false;
  #method: string;
  #rest: Buffer = Buffer.alloc(0);
  #head: IHttp1Response | null = null;
  #content = '';
  #left = 0;
  #chunks: ChunkedReader | null = null;

  constructor(method: string) {
    this.#method = method;
  }

  /** The last answer was whole and ended the connection as a fence asks for. */
  get last(): boolean {
    return this.answers.length > 1 && this.closes;
  }

  read(bytes: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    while (
      this.fault === '' &&
      !this.isSwitched &&
      (this.#head === null ? this.#readHead() : this.#readContent(this.#head))
    );
  }

  /** The connection has ended; so has content that it delimits. */
  end(): void {
    if (this.#head === null) return;
    if (this.#head.framing !== 'close') this.fault = 'an answer that was cut off';
    this.#finish(this.#head);
  }

  #readHead(): boolean {
    const read = decodeResponseHead(this.#rest, 0, limits, this.#method);
    if (read.kind === 'short') return false;
    if (read.kind !== 'done') {
      this.fault = `an answer that cannot be read: ${read.why}`;
      return false;
    }
    this.#rest = this.#rest.subarray(read.used);
    const { value: head } = read;
    if (head.status === 101) this.isSwitched = true;
    if (head.status < 200 && head.status !== 101) return true;
    // Everything behind the first request is a GET.
    this.#method = 'GET';
    this.#content = '';
    this.#left = Math.max(0, head.contentLength);
    this.#chunks = head.framing === 'chunked' ? new ChunkedReader() : null;
    this.closes = !head.keepAlive;
    if (head.framing === 'none' || this.isSwitched || (head.framing === 'length' && this.#left === 0))
      this.#finish(head);
    else this.#head = head;
    return true;
  }

  #readContent(head: IHttp1Response): boolean {
    if (this.#rest.length === 0) return false;
    const used = this.#take(head);
    this.#rest = this.#rest.subarray(used);
    if (this.#chunks?.fault) this.fault = `an answer that cannot be read: ${this.#chunks.fault}`;
    const isWhole = head.framing === 'length' ? this.#left === 0 : this.#chunks?.done === true;
    if (isWhole) this.#finish(head);
    return isWhole;
  }

  /** How many octets of the rest are content of the answer. */
  #take({ framing }: IHttp1Response): number {
    const keep = (part: Buffer) => {
      if (this.#content.length < maxContent) this.#content += part.toString('latin1');
    };
    if (this.#chunks !== null) return this.#chunks.read(this.#rest, 0, keep);
    const part = framing === 'close' ? this.#rest : this.#rest.subarray(0, this.#left);
    this.#left -= part.length;
    keep(part);
    return part.length;
  }

  #finish({ status, fields }: IHttp1Response): void {
    this.#head = null;
    this.answers.push({ status, fields, content: this.#content });
  }
}
