import { copyPlain } from '../../ts/config/copy.js';
import { pathText } from '../../ts/config/faults.js';
import { expect, tap } from '../helpers/tapbundle.js';

const faultsIn = (value: unknown): string[] =>
  copyPlain(value).faults.map(({ path, want, got }) => `${pathText(path)}: ${want}, ${got}`);

tap.test('a copy is equal, frozen and shares nothing but functions', () => {
  const source = { a: [{ b: 1 }, 'c'], d: null, e: () => 1, f: { g: true } };
  const { value, faults } = copyPlain(source);
  const copy = value as typeof source;
  expect(faults).toEqual([]);
  expect(copy).toEqual(source);
  expect(copy.e).toBe(source.e);
  for (const inner of [copy, copy.a, copy.a[0], copy.f]) expect(Object.isFrozen(inner)).toBeTrue();
  for (const inner of [source, source.a, source.a[0], source.f]) expect(Object.isFrozen(inner)).toBeFalse();
});

tap.test('undefined properties are left out', () => {
  expect(Object.keys(copyPlain({ a: undefined, b: 1 }).value as object)).toEqual(['b']);
});

tap.test('names that reach a prototype are refused at any depth and not copied', () => {
  const source = JSON.parse('{"a":[{"__proto__":{"x":1}}],"constructor":{},"b":{"prototype":1}}');
  const { value } = copyPlain(source);
  expect(faultsIn(source).map((text) => text.split(':')[0])).toEqual(['a[0].__proto__', 'constructor', 'b.prototype']);
  expect(value).toEqual({ a: [{}], b: {} });
  expect(({} as { x?: unknown }).x).toBeUndefined();
});

tap.test('what is no plain data is a fault', () => {
  const odd = { map: new Map(), date: new Date(), buffer: Buffer.from('x'), regexp: /x/, ok: Object.create(null) };
  expect(faultsIn(odd)).toEqual([
    'map: plain data, object Map',
    'date: plain data, object Date',
    'buffer: plain data, object Uint8Array',
    'regexp: plain data, object RegExp',
  ]);
});

tap.test('what contains itself ends in one fault', () => {
  const ring: { a?: unknown; b: unknown[] } = { b: [] };
  ring.a = ring;
  ring.b.push(ring, ring);
  const faults = faultsIn(ring);
  expect(faults).toHaveLength(1);
  expect(faults[0]).toContain('at most 16 levels');
});

tap.test('few objects that stand for billions end in one fault', () => {
  let bomb: object = {};
  for (let level = 0; level < 15; level++) bomb = { a: bomb, b: bomb, c: bomb, d: bomb, e: bomb, f: bomb };
  const faults = faultsIn(bomb);
  expect(faults).toHaveLength(1);
  expect(faults[0]).toContain('at most 5000000 objects');
});

tap.test('a getter or a Proxy that throws is a fault, not an exception, and the rest is still read', () => {
  const hostile = new Proxy([], {
    get: () => {
      throw new Error('boo\u001b[31m');
    },
  });
  const getter = {
    get x() {
      throw new Error('no');
    },
  };
  const faults = faultsIn({ list: [hostile, getter], last: JSON.parse('{"__proto__":1}') });
  expect(faults.map((text) => text.split(':')[0])).toEqual(['list[0]', 'list[1]', 'last.__proto__']);
  expect(faults[0]).not.toContain('\u001b');
});

tap.test('each property is read once', () => {
  let reads = 0;
  const source = {
    get x() {
      reads++;
      return [reads];
    },
  };
  expect(copyPlain(source).value).toEqual({ x: [1] });
  expect(reads).toEqual(1);
});

tap.test('a list that occurs twice is one list in the copy', () => {
  const list = ['10.0.0.1'];
  const copy = copyPlain({ a: list, b: { c: list } }).value as { a: unknown; b: { c: unknown } };
  expect(copy.a).toBe(copy.b.c);
});

tap.test('top-level properties can be passed through', () => {
  const logger = { info() {} };
  const copy = copyPlain({ logger, routes: [{ logger }] }, ['logger']).value as {
    logger: unknown;
    routes: { logger: unknown }[];
  };
  expect(copy.logger).toBe(logger);
  expect(Object.isFrozen(logger)).toBeFalse();
  expect(copy.routes[0]?.logger).not.toBe(logger);
});

tap.test('regular expressions and bytes are copied where an option takes them', () => {
  const want = Object.assign(/a/gy, { lastIndex: 1 });
  const key = Buffer.from('key');
  const source = {
    match: { headers: { a: want }, query: { b: /c/i } },
    urlRewrite: { pattern: /d/g },
    tls: { key, ca: [key] },
  };
  const { value, faults } = copyPlain(source);
  expect(faults).toEqual([]);
  const copy = value as typeof source;
  expect([String(copy.match.headers.a), copy.match.headers.a.lastIndex]).toEqual(['/a/g', 0]);
  expect(String(copy.match.query.b)).toEqual('/c/i');
  expect(String(copy.urlRewrite.pattern)).toEqual('/d/g');
  key.fill(0);
  for (const bytes of [copy.tls.key, copy.tls.ca[0]]) expect(Buffer.from(bytes ?? []).toString()).toEqual('key');
});

tap.test('elsewhere they are no data', () => {
  const places = (source: object) => copyPlain(source).faults.map(({ path, got }) => `${path.join('.')} ${got}`);
  expect(places({ timeouts: /a/, headers: { cors: /a/ }, match: { headers: /a/ } })).toEqual([
    'timeouts object RegExp',
    'headers.cors object RegExp',
    'match.headers object RegExp',
  ]);
  expect(places({ match: new Uint8Array(1), list: [new Uint8Array(1)] })).toEqual([
    'match object Uint8Array',
    'list.0 object Uint8Array',
  ]);
});

export default tap.start();
