// Generated answers of a target through a whole proxy: the client sees what llhttp reads in them, or 502, or a cut; and whoever
// shares the target's connections gets answers of its own.

import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import fc from 'fast-check';
import { openRawHttp } from '../helpers/http-clients.js';
import { okAnswer } from '../helpers/http-origins.js';
import { makeHttpRoute } from '../helpers/http-routes.js';
import { responseSoup } from '../helpers/http1-soup.js';
import { type ISecondOpinion, readWithLlhttp } from '../helpers/llhttp.js';
import { type IOrigin, startOrigin } from '../helpers/origins.js';
import { latin1 } from '../helpers/read-http1.js';
import { type IStartedProxy, startProxy } from '../helpers/start-proxy.js';
import { numRuns, tap } from '../helpers/tapbundle.js';

tap.timeout(1_800_000);

const lanes = 4;
const counts = { answers: 0, same: 0, refused: 0, cut: 0 };

const part = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;
const piece = fc.constantFrom('hello', '\r\n', '0\r\n\r\n', okAnswer('stranger'), '\0\xff', 'x'.repeat(5_000));
const field = fc.constantFrom(
  'X: y',
  'Connection: close',
  'Connection: keep-alive',
  'Keep-Alive: max=1',
  'X: \xff',
  'Set-Cookie: a=b',
);

/** Answers that are right, framed in many ways, with interim ones before them. */
const rightAnswer: fc.Arbitrary<string> = fc
  .record({
    interim: fc.constantFrom('', '', 'HTTP/1.1 100 C\r\n\r\n', 'HTTP/1.1 103 E\r\nLink: <a>\r\n\r\n'.repeat(2)),
    version: fc.constantFrom('1.1', '1.1', '1.0'),
    status: fc.constantFrom(200, 206, 404, 500, 599, 204, 304),
    fields: fc.array(field, { maxLength: 3 }),
    pieces: fc.array(piece, { maxLength: 3 }),
    framing: fc.constantFrom('length', 'chunked', 'extended', 'close'),
  })
  .map(({ interim, version, status, fields, pieces, framing }) => {
    const start = `${interim}HTTP/${version} ${status} X\r\n${fields.map((line) => `${line}\r\n`).join('')}`;
    const body = pieces.join('');
    if (status === 204) return `${start}\r\n`;
    if (status === 304) return `${start}Content-Length: ${body.length}\r\n\r\n`;
    if (framing === 'close') return `${start}\r\n${body}`;
    if (framing === 'length' || version === '1.0') return `${start}Content-Length: ${body.length}\r\n\r\n${body}`;
    const chunks = pieces.map((text) => (framing === 'extended' ? part(text).replace('\r', ';a="b"\r') : part(text)));
    const trailer = framing === 'extended' ? 'X-Sum: 1\r\n' : '';
    return `${start}Transfer-Encoding: chunked\r\n\r\n${chunks.join('')}0\r\n${trailer}\r\n`;
  });

interface IAnswerCase {
  readonly text: string;
  readonly method: 'GET' | 'HEAD';
  /** In how many places its bytes are divided. */
  readonly cuts: number;
  /** How the target leaves; `short`: it ends before the last octets are out. */
  readonly end: 'stay' | 'fin' | 'reset' | 'short';
}

const answerCase: fc.Arbitrary<IAnswerCase> = fc.record({
  text: fc.oneof(responseSoup, rightAnswer),
  method: fc.constantFrom('GET', 'GET', 'GET', 'HEAD'),
  cuts: fc.constantFrom(0, 0, 1, 3),
  end: fc.constantFrom('stay', 'stay', 'stay', 'fin', 'fin', 'reset', 'short'),
});

/** What llhttp makes of it: the first answer that is final. To it an interim answer may end the connection; to us, the rest counts. */
function secondOpinion(bytes: Buffer, wish: IAnswerCase): { final: ISecondOpinion | undefined; error: string } {
  const { method, end } = wish;
  const { messages, error } = readWithLlhttp('response', bytes, { head: method === 'HEAD', ends: end !== 'stay' });
  const final = messages.find(({ status }) => status >= 200);
  const isInterim = messages.length > 0 && final === undefined && error === 'HPE_CLOSED_CONNECTION';
  return isInterim ? secondOpinion(bytes.subarray(bytes.indexOf('\r\n\r\n') + 4), wish) : { final, error };
}

/** A target whose next answers are set, and that tells when one was sent. */
class ScriptedTarget {
  /** By path. */
  readonly scripts = new Map<
    string,
    { readonly pieces: readonly Buffer[]; readonly end: IAnswerCase['end']; sent: () => void }
  >();
  #origin: IOrigin | null = null;

  get port(): number {
    return this.#origin?.port ?? 0;
  }

  async open(): Promise<this> {
    this.#origin = await startOrigin((socket) => {
      socket.setNoDelay(true);
      let got = '';
      socket.on('data', (bytes) => {
        got += bytes.toString('latin1');
        for (let end = got.indexOf('\r\n\r\n'); end >= 0; end = got.indexOf('\r\n\r\n')) {
          const path = got.split(' ', 2)[1] ?? '';
          got = got.slice(end + 4);
          void this.#answer(socket, path);
        }
      });
      socket.on('end', () => socket.end());
    });
    return this;
  }

  async #answer(socket: Socket, path: string): Promise<void> {
    const script = this.scripts.get(path);
    if (script === undefined) return void socket.write(okAnswer(`the answer to ${path}`));
    for (const [at, bytes] of script.pieces.entries()) {
      if (at > 0) await turn();
      if (!socket.destroyed) socket.write(bytes);
    }
    await turn();
    if (script.end === 'reset') socket.resetAndDestroy();
    else if (script.end !== 'stay') socket.end();
    script.sent();
  }

  /** Ends all connections. */
  hangUp(): void {
    for (const socket of this.#origin?.sockets ?? []) socket.end();
  }

  async close(): Promise<void> {
    await this.#origin?.[Symbol.asyncDispose]();
  }
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

class Lane implements AsyncDisposable {
  readonly #target: ScriptedTarget;
  readonly #proxy: IStartedProxy;
  #number = 0;

  private constructor(target: ScriptedTarget, proxy: IStartedProxy) {
    this.#target = target;
    this.#proxy = proxy;
  }

  static async open(): Promise<Lane> {
    const target = await new ScriptedTarget().open();
    return new Lane(target, await startProxy({ routes: [makeHttpRoute(target.port)] }));
  }

  async try(wish: IAnswerCase): Promise<void> {
    const path = `/hostile/${++this.#number}`;
    let bytes = latin1(wish.text);
    if (wish.end === 'short') bytes = bytes.subarray(0, Math.max(0, bytes.length - 3));
    const { final, error } = secondOpinion(bytes, wish);
    // What neither ends nor fails is waited for; nobody needs to.
    const end = wish.end === 'stay' && error === '' && final?.complete !== true ? 'fin' : wish.end;
    const size = Math.max(1, Math.ceil(bytes.length / (wish.cuts + 1)));
    const pieces: Buffer[] = [];
    for (let from = 0; from < bytes.length; from += size) pieces.push(bytes.subarray(from, from + size));
    const sent = new Promise<void>((resolve) => this.#target.scripts.set(path, { pieces, end, sent: resolve }));
    // Bytes in one piece are read in one; with more of them only order keeps the next request from the rest.
    const others = wish.cuts === 0 ? [this.#canary(), this.#canary()] : [];
    await this.#ask(path, { ...wish, end }, bytes);
    await Promise.all(others);
    await sent;
    for (let count = 0; count < 3; count++) await turn();
    this.#target.scripts.delete(path);
    await this.#canary();
    counts.answers++;
  }

  async #ask(path: string, wish: IAnswerCase, bytes: Buffer): Promise<void> {
    await using client = await openRawHttp(this.#proxy.port, { methods: [wish.method] });
    client.send(`${wish.method} ${path} HTTP/1.1\r\nHost: a.test\r\n\r\n`);
    const isDone = () => client.answers.some(({ status, isComplete }) => status >= 200 && isComplete);
    const timer = setTimeout(() => this.#target.hangUp(), 3_000);
    await within(Promise.race([client.when(isDone).catch(() => {}), client.ended]), 'an answer').finally(() =>
      clearTimeout(timer),
    );
    assert.equal(client.fault, null, 'the answer is no HTTP');
    const answer = client.answers.find(({ status }) => status >= 200);
    if (answer === undefined || !answer.isComplete) {
      assert.notEqual(await Promise.race([client.ended, turn()]), undefined, 'neither an answer nor an end');
      counts.cut++;
      return;
    }
    assert.equal(client.rest.length, 0, 'bytes behind the answer');
    if (answer.status === 502) {
      counts.refused++;
      return;
    }
    const { final } = secondOpinion(bytes, wish);
    assert.equal(final?.complete, true, 'an answer that llhttp finds incomplete looks whole');
    assert.deepEqual([answer.status, answer.body], [final?.status, final?.body], 'the answer');
    counts.same++;
  }

  async #canary(): Promise<void> {
    const path = `/canary/${++this.#number}`;
    await using client = await openRawHttp(this.#proxy.port);
    client.send(`GET ${path} HTTP/1.1\r\nHost: a.test\r\n\r\n`);
    const { status, body } = await within(client.readAnswer(), 'the answer to the canary');
    assert.equal(`${status} ${body}`, `200 the answer to ${path}`, 'the canary');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#proxy[Symbol.asyncDispose]();
    await this.#target.close();
  }
}

async function within<T>(wait: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within 10 s: ${what}`)), 10_000);
  });
  return await Promise.race([wait, late]).finally(() => clearTimeout(timer));
}

tap.test('generated answers reach the client as llhttp reads them, or not at all, and nobody else', async (t) => {
  const all = await Promise.all(Array.from({ length: lanes }, () => Lane.open()));
  try {
    const property = fc.asyncProperty(fc.array(answerCase, { minLength: lanes, maxLength: lanes }), async (cases) => {
      await Promise.all(cases.map((one, at) => all[at]?.try(one)));
    });
    const runs = numRuns(1_000 / lanes);
    await fc.assert(property, { numRuns: runs, seed: 11, endOnFailure: true, includeErrorInReport: true });
  } finally {
    await Promise.all(all.map((lane) => lane[Symbol.asyncDispose]()));
  }
  t.diagnostic(JSON.stringify(counts));
  // Else nothing was compared.
  assert.ok(counts.same > counts.answers / 5, 'most answers are refused');
});

export default tap.start();
