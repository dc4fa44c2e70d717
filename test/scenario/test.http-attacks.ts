// The corpus of attacks through a whole proxy, in front of a target that reads strictly and records every byte. Behind each
// attack comes a canary: an innocent request on a connection of its own, which must get its own answer and no other.

import assert from 'node:assert/strict';
import type tls from 'node:tls';
import { decodeRequestHead } from '../../ts/codec/http1-request.js';
import { makeCertificate } from '../helpers/certificates.js';
import { type IRawHttp, openRawHttp } from '../helpers/http-clients.js';
import { fieldOf } from '../helpers/http-messages.js';
import { type IRawRequest, type IRecordingOrigin, okAnswer, startRecordingOrigin } from '../helpers/http-origins.js';
import { makeHttpRoute, makeHttpsRoute } from '../helpers/http-routes.js';
import { startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { chunked, cut, family, get, refused, smuggled } from '../vectors/http1/attack.js';
import { http1Attacks, type IForwarded, type IHttp1Attack, type TAttackExpectation } from '../vectors/http1-attacks.js';

tap.timeout(100_000);

/** `closed`: the connection ends without an answer, and nothing reaches the target. */
type TTreatment = TAttackExpectation | 'closed';

/** Where the proxy as a whole does, by design, something else than what the codec says of the message alone. */
interface IDifference {
  readonly why: string;
  readonly names: readonly string[];
  readonly becomes: TTreatment;
}

/** On a connection whose first bytes these are. */
const atTheBeginning: IDifference = {
  why: 'a port may carry any protocol, and these do not begin as HTTP does; behind a first request they are answered',
  names: ['method: "G\\u0000ET"', 'method: "G\xc9T"', 'method: "{}"', 'request line: "GET"'],
  becomes: 'closed',
};

/** Where routes name paths. */
const withPaths: IDifference = {
  why: 'the target * is no path, and `/*` is a pattern of paths',
  names: ['form: an absolute form of the server', 'form: * with OPTIONS'],
  becomes: { status: 404 },
};

const canary = (number: number): string => `GET /canary/${number} HTTP/1.1\r\nHost: a.test\r\n\r\n`;
const answerTo = ({ method, url }: IRawRequest): string =>
  method === 'HEAD' ? okAnswer('') : okAnswer(`the answer to ${url}`);

const limits = { maxBytes: 16_384, maxFields: 100 };

interface ISiege {
  readonly origin: IRecordingOrigin;
  readonly port: number;
  readonly differences: readonly IDifference[];
  readonly tls?: tls.ConnectionOptions;
  /** Each attack comes behind a first request that was answered. */
  readonly second?: boolean;
  /** In how many pieces each attack comes, read one by one. */
  readonly pieces?: number;
}

/** Attacks one after the other; `faults` says what is wrong. */
class Attacker {
  readonly faults: string[] = [];
  readonly #siege: ISiege;
  readonly #origin: IRecordingOrigin;
  readonly #treatments = new Map<string, TTreatment>();
  readonly #tls: { readonly tls?: tls.ConnectionOptions };
  #seen = 0;
  #canaries = 0;

  constructor(siege: ISiege) {
    this.#siege = siege;
    this.#origin = siege.origin;
    this.#tls = siege.tls === undefined ? {} : { tls: siege.tls };
    for (const { names, becomes } of siege.differences) for (const name of names) this.#treatments.set(name, becomes);
  }

  async attack(attack: IHttp1Attack): Promise<void> {
    const { name, raw, expect: wanted } = attack;
    try {
      const faultsBefore = this.#origin.faults.length;
      const treatment = this.#treatments.get(name) ?? wanted;
      await this.#send(raw, treatment);
      const last = await this.#tryCanary();
      this.#judge(this.#newRequests().slice(0, -1), last, treatment);
      const mayBeCut = typeof treatment === 'object' && 'part' in treatment;
      if (!mayBeCut) assert.equal(this.#origin.faults.length, faultsBefore, this.#origin.faults.join());
    } catch (error) {
      this.faults.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
      this.#newRequests();
    }
  }

  async #send(raw: string, treatment: TTreatment): Promise<void> {
    const { port, second = false, pieces = 1 } = this.#siege;
    const [method = ''] = raw.trimStart().split(' ', 1);
    await using client = await openRawHttp(port, { methods: second ? ['GET', method] : [method], ...this.#tls });
    if (second) {
      client.send(canary(0));
      await within(client.readAnswer(), 'the first answer');
      this.#newRequests();
    }
    const size = Math.ceil(raw.length / pieces);
    for (let from = 0; from < raw.length; from += size) {
      client.send(raw.slice(from, from + size));
      if (pieces > 1) await new Promise((resolve) => setImmediate(resolve));
    }
    if (treatment === 'closed') return await this.#closes(client, 0);
    const { status } = await within(client.readAnswer(), 'an answer');
    assert.equal(status, 'status' in treatment ? treatment.status : 200, 'status');
    if ('status' in treatment && !isFramed(raw)) await this.#closes(client, second ? 2 : 1);
  }

  /** A refused message costs the connection: what is behind it is nobody's request. */
  async #closes(client: IRawHttp, answers: number): Promise<void> {
    await within(client.ended, 'the end of the connection');
    assert.equal(client.answers.length, answers, 'number of answers');
    assert.equal(client.rest.length, 0, 'bytes behind the answer');
  }

  async #tryCanary(): Promise<IRawRequest> {
    await using client = await openRawHttp(this.#siege.port, this.#tls);
    client.send(canary(++this.#canaries));
    const { status, body } = await within(client.readAnswer(), 'the answer to the canary');
    assert.equal(status, 200, 'the status of the canary');
    assert.equal(body, `the answer to /canary/${this.#canaries}`, 'the answer to the canary');
    const last = this.#origin.requests.at(-1);
    assert.ok(last?.url === `/canary/${this.#canaries}`, 'the last request is the canary');
    return last;
  }

  #newRequests(): readonly IRawRequest[] {
    const seen = this.#origin.requests.slice(this.#seen);
    this.#seen += seen.length;
    return seen;
  }

  #judge(seen: readonly IRawRequest[], next: IRawRequest, treatment: TTreatment): void {
    if (typeof treatment === 'object' && 'forwarded' in treatment) return this.#wholeOne(seen, treatment.forwarded);
    const mayBegin = typeof treatment === 'object' && treatment.part === 'content';
    if (!mayBegin) assert.deepEqual(seen.map(startOf), [], 'nothing reaches the target');
    for (const partial of seen) this.#cutOne(partial, next);
  }

  #wholeOne(seen: readonly IRawRequest[], { method, target, authority, body, absent }: IForwarded): void {
    assert.deepEqual(seen.map(startOf), [`${method} ${target}`], 'exactly this request reaches the target');
    const [request] = seen;
    if (request === undefined) return;
    const { message } = request;
    assert.equal(message.isComplete, true, 'it is whole');
    assert.equal(message.body.toString('latin1'), body, 'content');
    assert.equal(request.field('host'), authority, 'Host');
    for (const name of [...absent, ...neverForwarded]) {
      assert.equal(request.field(name), null, `${name} is passed on`);
      assert.equal(fieldOf(message.trailers, name), null, `${name} is passed on as a trailer`);
    }
  }

  /** The beginning of a request: without its end, on a connection that serves nobody else. */
  #cutOne(partial: IRawRequest, next: IRawRequest): void {
    assert.equal(partial.message.isComplete, false, 'a whole request reaches the target');
    assert.notEqual(next.connection, partial.connection, 'the connection to the target is used again');
  }
}

/** Of the connection to the client alone. */
const neverForwarded = ['keep-alive', 'proxy-connection', 'upgrade', 'http2-settings'];

/** Its head and where it ends are understood, so the connection may go on after a refusal. */
const isFramed = (raw: string): boolean =>
  decodeRequestHead(Buffer.from(raw, 'latin1'), 0, limits).kind === 'done' && !raw.includes('hunked');

const startOf = ({ method, url }: IRawRequest): string => `${method} ${url}`;

async function within<T>(wait: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within 20 s: ${what}`)), 20_000);
  });
  return await Promise.race([wait, late]).finally(() => clearTimeout(timer));
}

const upgrade = (...fields: string[]): string =>
  get('Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Version: 13', ...fields);
const key = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==';

/** What concerns the proxy as a whole. */
const understood = family('whole proxy', 'requests that are understood, and not served', [
  ['CONNECT', 'CONNECT a.test:80 HTTP/1.1\r\nHost: a.test\r\n\r\n', refused(501)],
  ['CONNECT to elsewhere', `CONNECT b.test:25 HTTP/1.1\r\nHost: a.test\r\n\r\n${smuggled}`, refused(501)],
  ['TRACE', 'TRACE / HTTP/1.1\r\nHost: a.test\r\nCookie: a=b\r\n\r\n', refused(501)],
  ['HEAD with broken chunks, whose answer has no content', chunked('x').replace('POST', 'HEAD'), cut],
  ['WebSocket without a key', upgrade(), refused()],
  ['WebSocket with two keys', upgrade(key, key), refused()],
  ['WebSocket with a short key', upgrade('Sec-WebSocket-Key: AAAA'), refused()],
  ['WebSocket of version 12', upgrade(key).replace(': 13', ': 12'), refused(426)],
  ['WebSocket by POST', upgrade(key).replace('GET', 'POST'), refused()],
]);

const attacks = [...http1Attacks, ...understood];

tap.test('what stands in the tables of differences is in the corpus', () => {
  const names = new Set(http1Attacks.map(({ name }) => name));
  const listed = [...atTheBeginning.names, ...withPaths.names];
  expect(listed.filter((name) => !names.has(name))).toEqual([]);
});

tap.test('no attack reaches the target as anything but what was understood, nor anybody else', async () => {
  await using origin = await startRecordingOrigin(answerTo);
  await using proxy = await startProxy({ routes: [makeHttpRoute(origin.port)] });
  const attacker = new Attacker({ origin, port: proxy.port, differences: [atTheBeginning, withPaths] });
  for (const attack of attacks) await attacker.attack(attack);
  expect(attacker.faults).toEqual([]);
});

tap.test('the same holds behind a request that was answered', async () => {
  await using origin = await startRecordingOrigin(answerTo);
  await using proxy = await startProxy({ routes: [makeHttpRoute(origin.port)] });
  const attacker = new Attacker({ origin, port: proxy.port, differences: [withPaths], second: true });
  for (const attack of attacks) await attacker.attack(attack);
  expect(attacker.faults).toEqual([]);
});

tap.test('the same holds for attacks that come in pieces', async () => {
  await using origin = await startRecordingOrigin(answerTo);
  await using proxy = await startProxy({ routes: [makeHttpRoute(origin.port)] });
  const attacker = new Attacker({ origin, port: proxy.port, differences: [atTheBeginning, withPaths], pieces: 11 });
  for (const attack of attacks) await attacker.attack(attack);
  expect(attacker.faults).toEqual([]);
});

tap.test('the same holds where the proxy terminates TLS', async () => {
  const certificate = await makeCertificate({ names: ['a.test'] });
  await using origin = await startRecordingOrigin(answerTo);
  await using proxy = await startProxy({ routes: [makeHttpsRoute(origin.port, certificate)] });
  const differences = [atTheBeginning, withPaths];
  const attacker = new Attacker({ origin, port: proxy.port, differences, tls: { servername: 'a.test' } });
  for (const attack of attacks.filter((_, at) => at % 9 === 4)) await attacker.attack(attack);
  expect(attacker.faults).toEqual([]);
});

tap.test('what a tolerant target would take for a request does not pass as bytes of another protocol', async () => {
  const certificate = await makeCertificate({ names: ['a.test'] });
  await using origin = await startRecordingOrigin(answerTo);
  const route = makeHttpsRoute(origin.port, certificate, { match: { ports: 0, domains: 'a.test' } });
  const { path: _path, ...match } = route.match;
  await using proxy = await startProxy({ routes: [{ ...route, match }] });
  const rest = 'Host: b.test\r\nX-Forwarded-For: 9.9.9.9\r\n\r\n';
  const beginnings = [
    '\nGET /x HTTP/1.1',
    '\r\nGET /x HTTP/1.1',
    `${'\r\n'.repeat(100)}GET /x HTTP/1.1`,
    ' GET /x HTTP/1.1',
    'GET\t/x HTTP/1.1',
    'PROPFIND  /x HTTP/1.1',
    'PROPFIND /x HTTP/1.1 ',
    'PROPFIND /x HTTP/1.01',
    `PROPFIND /${'x'.repeat(9_000)} HTTP/1.1`,
    `${'X'.repeat(1_000)} /x HTTP/1.1`,
  ];
  for (const beginning of beginnings) {
    await using client = await openRawHttp(proxy.port, { tls: { servername: 'a.test' } });
    client.send(`${beginning}\r\n${rest}`);
    const { status } = await within(client.readAnswer(), `an answer to ${beginning.slice(0, 40)}`);
    expect([400, 404].includes(status)).toEqual(true);
    client.reset();
  }
  expect(origin.sockets).toHaveLength(0);
});

export default tap.start();
