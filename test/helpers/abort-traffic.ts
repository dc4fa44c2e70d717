// Requests that are cut at random places by either side, reproducible by a seed, and an origin that plays along.

import net, { type Socket } from 'node:net';
import { type IOrigin, startOrigin } from './origins.js';

/** What is to happen to one request. Its target reads the part that concerns it from the path. */
interface IPlan {
  readonly id: number;
  readonly method: 'GET' | 'POST';
  /** Bytes of the request's content, -1: chunked. */
  readonly content: number;
  readonly isChunked: boolean;
  /** Bytes of the answer's content. */
  readonly answer: number;
  readonly framing: 'length' | 'chunked' | 'close';
  readonly cutter: 'nobody' | 'client' | 'target';
  readonly how: 'FIN' | 'RST';
  /** Of the request's bytes, or of the answer's. */
  readonly within: 'request' | 'answer';
  /** Where, from 0 to 1. */
  readonly at: number;
}

export interface IAbortReport {
  /** Whole answers by status. */
  readonly whole: Map<number, number>;
  /** Requests that ended without one. */
  cut: number;
  /** What must never be: an answer to another request, an answer that is no answer. */
  readonly wrong: string[];
}

/** Mulberry32: from 0 to 1. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

function planOf(id: number, random: () => number): IPlan {
  const one = <T>(...of: readonly T[]): T => of[Math.floor(random() * of.length)] as T;
  return {
    id,
    method: one('GET', 'POST'),
    content: one(0, 10, 3_000, 100_000),
    isChunked: one(true, false),
    answer: one(0, 10, 3_000, 100_000, 400_000),
    framing: one('length', 'length', 'chunked', 'close'),
    cutter: one('nobody', 'client', 'client', 'target', 'target'),
    how: one('FIN', 'RST'),
    within: one('request', 'answer'),
    at: random(),
  };
}

/** As a target sees it: `/id/answer/framing/when/how/at`. */
const pathOf = ({ id, answer, framing, cutter, within, how, at }: IPlan): string =>
  `/${id}/${answer}/${framing}/${cutter === 'target' ? within : 'never'}/${how}/${at}`;

function requestOf(plan: IPlan): Buffer {
  const { method, content, isChunked } = plan;
  const lines = [`${method} ${pathOf(plan)} HTTP/1.1`, 'Host: a.test'];
  if (method === 'GET') return Buffer.from([...lines, '', ''].join('\r\n'));
  if (!isChunked) {
    return Buffer.concat([Buffer.from([...lines, `Content-Length: ${content}`, '', ''].join('\r\n')), fill(content)]);
  }
  const head = Buffer.from([...lines, 'Transfer-Encoding: chunked', '', ''].join('\r\n'));
  const chunk = content === 0 ? [] : [Buffer.from(`${content.toString(16)}\r\n`), fill(content), Buffer.from('\r\n')];
  return Buffer.concat([head, ...chunk, Buffer.from('0\r\n\r\n')]);
}

const fill = (bytes: number): Buffer => Buffer.alloc(bytes, 'x');

function answerOf(id: string, bytes: number, framing: string): Buffer {
  const head = `HTTP/1.1 200 OK\r\nX-Id: ${id}\r\n`;
  if (framing === 'close') return Buffer.concat([Buffer.from(`${head}Connection: close\r\n\r\n`), fill(bytes)]);
  if (framing === 'length') return Buffer.concat([Buffer.from(`${head}Content-Length: ${bytes}\r\n\r\n`), fill(bytes)]);
  const chunk = bytes === 0 ? [] : [Buffer.from(`${bytes.toString(16)}\r\n`), fill(bytes), Buffer.from('\r\n')];
  return Buffer.concat([Buffer.from(`${head}Transfer-Encoding: chunked\r\n\r\n`), ...chunk, Buffer.from('0\r\n\r\n')]);
}

/** A target that cuts where the path says so. */
export async function startAbortingOrigin(): Promise<IOrigin> {
  return await startOrigin((socket) => {
    let got = Buffer.alloc(0);
    socket.on('data', (bytes: Buffer) => {
      got = Buffer.concat([got, bytes]);
      for (let used = serve(socket, got); used > 0; used = serve(socket, got)) got = got.subarray(used);
    });
    socket.on('end', () => socket.end());
  });
}

/** Returns how many bytes it has dealt with; 0: it waits for more. */
function serve(socket: Socket, got: Buffer): number {
  const headEnd = got.indexOf('\r\n\r\n');
  if (headEnd < 0 || socket.destroyed || socket.writableEnded) return 0;
  const head = got.toString('latin1', 0, headEnd);
  const [, path = ''] = head.split(' ');
  const [, id = '', size = '', framing = '', when = '', how = '', at = ''] = path.split('/');
  const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
  const last = /transfer-encoding/i.test(head) ? got.indexOf('0\r\n\r\n', headEnd) + 5 : headEnd + 4 + length;
  if (when === 'request' && got.length - headEnd - 4 >= Number(at) * length) {
    cut(socket, how);
    return 0;
  }
  if (last < headEnd + 4 || got.length < last) return 0;
  const answer = answerOf(id, Number(size), framing);
  if (when === 'answer') {
    socket.write(answer.subarray(0, Math.floor(Number(at) * answer.length)), () => cut(socket, how));
    return 0;
  }
  socket.write(answer);
  if (framing === 'close') socket.end();
  return last;
}

function cut(socket: Socket, how: string): void {
  if (how === 'FIN') socket.end();
  else socket.resetAndDestroy();
}

/** Sends `count` requests, `width` clients at a time, each with one to four requests on its connection. */
export async function sendAborting(port: number, count: number, seed: number, width = 32): Promise<IAbortReport> {
  const report: IAbortReport = { whole: new Map(), cut: 0, wrong: [] };
  const random = randomFrom(seed);
  let next = 0;
  const run = async () => {
    while (next < count) {
      const client = new Client(port, report);
      for (let left = 1 + Math.floor(random() * 4); left > 0 && next < count && !client.isOver; left--) {
        await client.ask(planOf(next++, random));
      }
      await client.leave();
    }
  };
  await Promise.all(Array.from({ length: width }, run));
  return report;
}

class Client {
  readonly #socket: Socket;
  readonly #report: IAbortReport;
  readonly #closed: Promise<void>;
  #got: Buffer[] = [];
  #bytes = 0;
  #check: () => void = () => {};
  isOver = false;

  constructor(port: number, report: IAbortReport) {
    this.#report = report;
    const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
    this.#socket = socket;
    socket.on('error', () => {});
    socket.on('data', (bytes: Buffer) => {
      this.#got.push(bytes);
      this.#bytes += bytes.length;
      this.#check();
    });
    this.#closed = new Promise((resolve) => {
      socket.on('close', () => {
        this.isOver = true;
        this.#check();
        resolve();
      });
    });
    socket.on('end', () => this.#check());
  }

  /** Resolves with the whole answer, or the end of the connection. */
  ask(plan: IPlan): Promise<void> {
    const { cutter, within, how, at } = plan;
    const request = requestOf(plan);
    const cutsRequest = cutter === 'client' && within === 'request';
    // What is about as long as the answer.
    const stop =
      cutter === 'client' && !cutsRequest ? 1 + Math.floor(at * (plan.answer + 200)) : Number.POSITIVE_INFINITY;
    this.#got = [];
    this.#bytes = 0;
    return new Promise((resolve) => {
      const finish = (status: number) => {
        this.#check = () => {};
        const { whole } = this.#report;
        if (status === 0) this.#report.cut++;
        else whole.set(status, (whole.get(status) ?? 0) + 1);
        resolve();
      };
      this.#check = () => {
        if (this.#bytes >= stop) {
          cut(this.#socket, how);
          this.isOver = true;
          return finish(0);
        }
        const status = this.#answered(plan);
        if (status > 0 || this.isOver) finish(status);
      };
      const bytes = cutsRequest ? request.subarray(0, Math.floor(at * request.length)) : request;
      this.#socket.write(bytes, () => {
        if (!cutsRequest || this.isOver) return;
        cut(this.#socket, how);
        this.isOver = true;
        this.#check();
      });
    });
  }

  async leave(): Promise<void> {
    this.#socket.end();
    await this.#closed;
  }

  /** The status of the answer if it is there as a whole, else 0. */
  #answered(plan: IPlan): number {
    const got = Buffer.concat(this.#got);
    this.#got = [got];
    const headEnd = got.indexOf('\r\n\r\n');
    if (headEnd < 0) return 0;
    const head = got.toString('latin1', 0, headEnd);
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1] ?? 0);
    if (status === 0) this.#report.wrong.push(`${plan.id}: ${JSON.stringify(head.slice(0, 60))}`);
    const id = /^x-id: (\d+)$/im.exec(head)?.[1];
    // It repeats nothing to ask again where a kept connection was stale.
    const isFair = plan.cutter === 'nobody' && plan.method === 'GET';
    if (isFair && status !== 200) this.#report.wrong.push(`${plan.id}, which nobody cut, got ${status}`);
    if (status === 200 && id !== String(plan.id)) this.#report.wrong.push(`${plan.id} got the answer to ${id}`);
    const length = /^content-length: (\d+)$/im.exec(head)?.[1];
    if (length === undefined) return got.subarray(-5).toString('latin1') === '0\r\n\r\n' ? status : 0;
    const excess = got.length - headEnd - 4 - Number(length);
    if (excess > 0) this.#report.wrong.push(`${plan.id}: ${excess} bytes too many`);
    return excess >= 0 ? status : 0;
  }
}
