// What our codec understands of generated requests against what targets see of them through a whole proxy: never one made
// into two, never one for another. The targets are Node, and nginx and HAProxy in front of it, which read in ways of their own.

import assert from 'node:assert/strict';
import fc from 'fast-check';
import { needs } from '../helpers/debian.js';
import { type IRawHttp, openRawHttp } from '../helpers/http-clients.js';
import {
  type IReading,
  type ISeeingOrigin,
  readRequests,
  seenAs,
  startSeeingOrigin,
} from '../helpers/http-differential.js';
import { makeHttpRoute } from '../helpers/http-routes.js';
import { requestSoup } from '../helpers/http1-soup.js';
import { llhttpMethods } from '../helpers/llhttp.js';
import { closedPort } from '../helpers/origins.js';
import { latin1 } from '../helpers/read-http1.js';
import { nginxHttpFolders, startHaproxy, startNginx } from '../helpers/rig-servers.js';
import { type IStartedProxy, startProxy } from '../helpers/start-proxy.js';
import { numRuns, tap } from '../helpers/tapbundle.js';
import { http1Attacks } from '../vectors/http1-attacks.js';

tap.timeout(1_800_000);

/** Requests that are right, with content framed in many ways, one behind the other. */
const rightRequest: fc.Arbitrary<string> = fc
  .record({
    method: fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'HEAD'),
    path: fc.array(fc.constantFrom('a', '%7e', '..', '.', '', '%2F', 'b;c', '~', '%e2%82%ac', '@x', '*'), {
      maxLength: 4,
    }),
    query: fc.constantFrom('', '?', '?a=b', '?a=/../&b=%zz', '?a?b'),
    expects: fc.constantFrom('', '', '', 'Expect: 100-continue\r\n'),
    pieces: fc.array(
      fc.constantFrom(
        'hello',
        '\r\n',
        '0\r\n\r\n',
        'GET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n',
        '\0\xff',
        'x'.repeat(5_000),
      ),
      { maxLength: 3 },
    ),
    framing: fc.constantFrom('length', 'chunked', 'extended', 'trailers'),
  })
  .map(({ method, path, query, expects, pieces, framing }) => {
    const start = `${method} /a/${path.join('/')}${query} HTTP/1.1\r\nHost: a.test\r\n${expects}`;
    const body = pieces.join('');
    if (framing === 'length') return `${start}Content-Length: ${body.length}\r\n\r\n${body}`;
    const extension = framing === 'extended' ? ';a="b;\\"c";d' : '';
    const trailer = framing === 'trailers' ? 'X-Sum: 1\r\nContent-Type: x\r\n' : '';
    const chunks = pieces.map((piece) => `${piece.length.toString(16)}${extension}\r\n${piece}\r\n`).join('');
    return `${start}Transfer-Encoding: chunked\r\n\r\n${chunks}00${extension}\r\n${trailer}\r\n`;
  });
const rightRequests = fc.array(rightRequest, { minLength: 1, maxLength: 5 }).map((texts) => texts.join(''));

/** Where its bytes are divided on their way to the proxy; 0: nowhere. */
const stream = fc.tuple(fc.oneof(requestSoup, rightRequests), fc.constantFrom(0, 0, 1, 2, 3));

/** Sent behind everything: what comes before must not swallow it, nor become part of it. */
const last = 'GET /last HTTP/1.1\r\nHost: last.test\r\nConnection: close\r\n\r\n';
/** Cases that run side by side, each with a proxy and a target of its own. */
const lanes = 4;
/** A connection of canaries is made anew after so many. */
const canariesPerConnection = 50;
/** What was tried, for the report. */
const counts = { streams: 0, requests: 0, refusedByTarget: 0, own: 0 };

interface IFront extends AsyncDisposable {
  readonly port: number;
}

/** What stands between the proxy and Node; null: nothing. */
type TStart = ((originPort: number) => Promise<IFront>) | null;

const viaNginx: TStart = async (originPort) => {
  const port = await closedPort();
  const blocks = `http { access_log off; ${nginxHttpFolders} keepalive_requests 100000;
    upstream node { server 127.0.0.1:${originPort}; keepalive 4; }
    server { listen 127.0.0.1:${port}; location / {
      proxy_pass http://node; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header Host $http_host; } } }`;
  return Object.assign(await startNginx(blocks, { port }), { port });
};

const viaHaproxy: TStart = async (originPort) => {
  const port = await closedPort();
  const sections = `frontend in
  mode http
  bind 127.0.0.1:${port}
  default_backend node
backend node
  mode http
  server one 127.0.0.1:${originPort}`;
  return Object.assign(await startHaproxy(sections, { port }), { port });
};

class Lane implements AsyncDisposable {
  readonly #origin: ISeeingOrigin;
  readonly #front: IFront | null;
  readonly #proxy: IStartedProxy;
  #canary: IRawHttp | null = null;
  #canaries = 0;

  private constructor(origin: ISeeingOrigin, front: IFront | null, proxy: IStartedProxy) {
    this.#origin = origin;
    this.#front = front;
    this.#proxy = proxy;
  }

  static async open(start: TStart): Promise<Lane> {
    const origin = await startSeeingOrigin();
    const front = start === null ? null : await start(origin.port);
    const proxy = await startProxy({ routes: [makeHttpRoute((front ?? origin).port)] });
    return new Lane(origin, front, proxy);
  }

  /** Throws where what was sent and what was seen differ. */
  async try(text: string, cuts = 0): Promise<void> {
    const bytes = latin1(text + last);
    const reading = readRequests(bytes);
    this.#origin.seen.length = 0;
    const answers = await this.#send(bytes, reading, cuts);
    await this.#tryCanary();
    this.#compare(reading, answers);
    counts.streams++;
  }

  async #send(bytes: Buffer, { due, certain, ends }: IReading, cuts: number): Promise<IRawHttp['answers']> {
    const methods = due.map(({ method }) => method);
    await using client = await openRawHttp(this.#proxy.port, { methods });
    const size = Math.ceil(bytes.length / (cuts + 1));
    for (let from = 0; from < bytes.length; from += size) {
      client.send(bytes.subarray(from, from + size));
      // Each piece is read on its own.
      if (cuts > 0) await new Promise((resolve) => setImmediate(resolve));
    }
    const final = () => client.answers.filter(({ status, isComplete }) => status >= 200 && isComplete);
    const isDone = () => final().length >= certain;
    const enough = ends ? client.ended : client.when(isDone).catch(() => {});
    await within(Promise.race([enough, client.ended]), () => `${due.length} answers, has ${final().length}`);
    assert.equal(client.fault, null, 'the answers are no HTTP');
    return final();
  }

  async #tryCanary(): Promise<void> {
    if (this.#canaries++ % canariesPerConnection === 0) {
      await this.#canary?.[Symbol.asyncDispose]();
      this.#canary = await openRawHttp(this.#proxy.port);
    }
    const path = `/canary/${this.#canaries}`;
    this.#canary?.send(`GET ${path} HTTP/1.1\r\nHost: canary.test\r\n\r\n`);
    const answer = this.#canary?.readAnswer();
    const got = answer && (await within(answer, () => 'the answer to the canary'));
    assert.equal(got?.field('x-seen'), seenAs('GET', 'canary.test', path, ''), 'the answer to the canary');
    assert.equal(this.#origin.seen.pop(), seenAs('GET', 'canary.test', path, ''), 'the last request is the canary');
  }

  #compare({ due, certain }: IReading, answers: IRawHttp['answers']): void {
    const { seen } = this.#origin;
    assert.ok(answers.length <= due.length, `${answers.length} answers to ${due.length} requests`);
    let at = 0;
    for (const [index, wanted] of due.entries()) {
      const answer = answers[index];
      // Whoever refuses a request may close, and then those behind it are not served.
      if (answer === undefined) {
        assert.ok(index >= certain || this.#mayRefuse(answers.at(-1)), `no answer ${index} of ${due.length}`);
        break;
      }
      const word = answer.field('x-seen');
      if (wanted.seen === null) {
        assert.ok(word === null && answer.status >= 400, `a target saw what is none: ${word}`);
        counts.own++;
      } else if (word === null) {
        assert.ok(this.#mayRefuse(answer, wanted.method), `refused with ${answer.status}: ${wanted.seen}`);
        counts.refusedByTarget++;
      } else {
        assert.equal(withoutHost(word), withoutHost(wanted.seen), 'what the target saw');
        assert.equal(seen[at++], word, 'the order of requests at the target');
        counts.requests++;
      }
    }
    assert.deepEqual(seen.slice(at), [], 'requests that nobody sent');
  }

  /** Node takes all whose methods it knows; the others have rules of their own. */
  #mayRefuse(answer: IRawHttp['answers'][number] | undefined, method = ''): boolean {
    if (answer === undefined || answer.status < 400) return false;
    return this.#front !== null || method === '' || !llhttpMethods.includes(method);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#canary?.[Symbol.asyncDispose]();
    await this.#proxy[Symbol.asyncDispose]();
    await this.#front?.[Symbol.asyncDispose]();
    await this.#origin[Symbol.asyncDispose]();
  }
}

/** HTTP/1.0 may name no host; the target is told one all the same. */
const withoutHost = (word: string): string => word.replace(/^(\w+%20)(?:127\.0\.0\.1%3A\d+)?%20/, '$1%20');

async function within<T>(wait: Promise<T>, what: () => string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within 10 s: ${what()}`)), 10_000);
  });
  return await Promise.race([wait, late]).finally(() => clearTimeout(timer));
}

async function openLanes(start: TStart, count: number): Promise<Lane[]> {
  return await Promise.all(Array.from({ length: count }, () => Lane.open(start)));
}

const closeAll = async (all: readonly Lane[]) =>
  void (await Promise.all(all.map((lane) => lane[Symbol.asyncDispose]())));

const accepted = http1Attacks.filter(({ expect: wanted }) => 'forwarded' in wanted);

const fronts: readonly [name: string, programs: readonly string[], start: TStart, streams: number][] = [
  ['Node', [], null, 1_000],
  ['nginx', ['nginx'], viaNginx, 400],
  ['HAProxy', ['haproxy'], viaHaproxy, 400],
];

for (const [name, programs, start, streams] of fronts) {
  needs(...programs)(`attacks that are understood are one request each to ${name}`, async () => {
    const [lane] = await openLanes(start, 1);
    if (lane === undefined) return;
    try {
      for (const { name: attack, raw } of accepted) {
        await lane.try(raw).catch((error: Error) => assert.fail(`${attack}: ${error.message}`));
      }
    } finally {
      await closeAll([lane]);
    }
  });

  needs(...programs)(`generated requests are to ${name} what they are to our codec`, async (t) => {
    const all = await openLanes(start, lanes);
    const before = { ...counts };
    try {
      const property = fc.asyncProperty(fc.array(stream, { minLength: lanes, maxLength: lanes }), async (texts) => {
        await Promise.all(texts.map(([text, cuts], at) => all[at]?.try(text, cuts)));
      });
      await fc.assert(property, {
        numRuns: numRuns(streams / lanes),
        seed: 7,
        endOnFailure: true,
        includeErrorInReport: true,
      });
    } finally {
      await closeAll(all);
    }
    const told = Object.entries(counts).map(
      ([what, count]) => `${what} ${count - before[what as keyof typeof before]}`,
    );
    t.diagnostic(told.join(', '));
  });
}

export default tap.start();
