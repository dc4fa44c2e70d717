// Generated requests by HTTP/2 against what a target of HTTP/1.1 sees of them: what arrives is what was meant, what was not
// right does not arrive, and no request becomes two.

import assert from 'node:assert/strict';
import fc from 'fast-check';
import { normalisePath, splitTarget } from '../../ts/codec/http-path.js';
import { connectRaw, type IRawFrame, type RawPeer, rawData, rawHeaders, rawSettingsAck } from '../helpers/h2-raw.js';
import { seenAs, startSeeingOrigin } from '../helpers/http-differential.js';
import { makeHttpRoute } from '../helpers/http-routes.js';
import { startProxy } from '../helpers/start-proxy.js';
import { expect, numRuns, tap } from '../helpers/tapbundle.js';
import { http1Attacks } from '../vectors/http1-attacks.js';

tap.timeout(1_800_000);

interface IAsked {
  readonly fields: readonly string[];
  readonly pieces: readonly string[];
  /** Of padding, in each DATA frame. */
  readonly pad: number | undefined;
  readonly trailers: readonly string[] | null;
  /** What the target must see; null: nothing. */
  readonly meant: string | null;
}

const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n';
const chunks = `0\r\n\r\n${smuggled}`;

const bodies = fc.array(
  fc.constantFrom('hello', '\r\n', '0\r\n\r\n', smuggled, chunks, '\0\xff', 'x'.repeat(5_000), ''),
  { maxLength: 4 },
);

/** Fields that say nothing of the message as such, and are right. */
const goodFields: readonly (readonly string[])[] = [
  [],
  ['x-a', 'b'],
  ['x-a', 'b', 'x-a', 'c'],
  ['x-chunked', 'transfer-encoding: chunked'],
  ['cookie', 'a=1', 'cookie', 'b=2'],
  ['te', 'trailers'],
  ['x-high', 'caf\xe9'],
  ['x-long', 'y'.repeat(4_000)],
  ['accept', '*/*', 'user-agent', 'test'],
  ['x-tab', 'a\tb'],
  ['content-encoding', 'identity'],
  ['x-content-length', '3'],
  ['host', 'a.test'],
];

/** Fields that frame or end a message of HTTP/1.1, or are none. */
const badFields: readonly (readonly string[])[] = [
  ['transfer-encoding', 'chunked'],
  ['transfer-encoding', 'identity'],
  ['connection', 'keep-alive'],
  ['connection', 'x-a'],
  ['keep-alive', '1'],
  ['proxy-connection', 'close'],
  ['upgrade', 'h2c'],
  ['te', 'chunked'],
  ['x-a', `b\r\n\r\n${smuggled}`],
  ['x-a', 'b\r\ntransfer-encoding: chunked'],
  ['x-a', 'b\ncontent-length: 9'],
  ['x-a', 'b\rc'],
  ['x-a', 'b\0c'],
  ['x-a: b\r\ntransfer-encoding', 'chunked'],
  ['transfer-encoding ', 'chunked'],
  [' transfer-encoding', 'chunked'],
  ['transfer-encoding:', 'chunked'],
  ['Transfer-Encoding', 'chunked'],
  ['content-length', '+5'],
  ['content-length', '5, 5'],
  ['content-length', '0x5'],
  ['content-length', '-1'],
  ['content-length', ' 5'],
  ['content-length', '99999999999999999999'],
  ['host', 'b.test'],
  ['host', 'a.test\r\nx: y'],
  [':path', '/other'],
  ['', 'x'],
  ['x\0', 'y'],
  ['x\x7f', 'y'],
  ['x\xe9', 'y'],
];

const goodPaths = ['/', '/a/b', '/a//b', '/a?b=c', '/a?b=/../c', '/%7e', '/a;b', '/@x', '/a/./b', '/a/%2F', '/?x'];
const badPaths = [
  `/ HTTP/1.1\r\nHost: a.test\r\n\r\n${smuggled}`,
  ...['/a b', '/a\r\nb', '/a\nx: y', '/a\0', '/a\tb', '', 'a', '//', 'http://b.test/', '*', '/a#b'],
];
const badMethods = ['GET /x HTTP/1.1\r\nx:', 'GET\r\n', 'GE T', '', 'G\0T', 'GET:', '(GET)'];
const badAuthorities = [
  'a.test\r\nx: y',
  'a.test/x',
  'user@a.test',
  'a b',
  'a.test:x',
  '',
  'a.test,b.test',
  'a.test\0',
];

interface IParts {
  readonly method: string;
  readonly path: string;
  readonly authority: string;
  readonly fields: readonly string[];
  readonly pieces: readonly string[];
  readonly length: 'right' | 'wrong' | 'none';
  readonly pad: number | undefined;
  readonly trailers: readonly string[] | null;
  readonly isBad: boolean;
}

function made({ method, path, authority, fields, pieces, length, pad, trailers, isBad }: IParts): IAsked {
  const body = pieces.join('');
  const hasEnd = pieces.length === 0 && trailers === null;
  // Without content a length says nothing that could be wrong but that there is some.
  const bytes = length === 'wrong' ? body.length + 1 : body.length;
  const lengths = length === 'none' || (hasEnd && length === 'right') ? [] : ['content-length', String(bytes)];
  const { path: own, query } = splitTarget(path);
  const normal = normalisePath(own);
  const isWrong = isBad || length === 'wrong' || normal === null;
  return {
    fields: [':method', method, ':scheme', 'http', ':authority', authority, ':path', path, ...lengths, ...fields],
    ...{ pieces, pad, trailers },
    meant: isWrong ? null : seenAs(method, authority, `${normal}${query}`, body),
  };
}

const common = {
  pieces: bodies,
  length: fc.constantFrom('right' as const, 'right' as const, 'none' as const, 'none' as const, 'wrong' as const),
  pad: fc.constantFrom(undefined, undefined, 0, 7, 255),
  trailers: fc.constantFrom(null, null, ['x-sum', '1']),
};
const usual = {
  method: fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'HEAD'),
  path: fc.constantFrom(...goodPaths),
  authority: fc.constantFrom('a.test', 'a.test:8080'),
  fields: fc.constantFrom(...goodFields.slice(0, -1)),
};
const right = fc.record({ ...usual, ...common, isBad: fc.constant(false) }).map(made);

/** One part of it, or several, are wrong. */
const wrong = fc
  .oneof(
    fc.record({ ...usual, ...common, fields: fc.constantFrom(...badFields) }),
    fc.record({ ...usual, ...common, path: fc.constantFrom(...badPaths) }),
    fc.record({ ...usual, ...common, method: fc.constantFrom(...badMethods) }),
    fc.record({ ...usual, ...common, authority: fc.constantFrom(...badAuthorities) }),
    fc.record({ ...usual, ...common, trailers: fc.constantFrom(...badFields.slice(0, 17)) }).map((parts) => ({
      ...parts,
      // Without content before them trailers are what ends a request, too.
      pieces: [...parts.pieces, 'x'],
    })),
  )
  .map((parts) => made({ ...parts, isBad: true }));

/** How a stream ended: `200 seen`, a status, or `reset N`. */
async function outcomes(peer: RawPeer, count: number): Promise<Map<number, string>> {
  const found = new Map<number, string>();
  const heads = new Map<number, string>();
  while (found.size < count) {
    const frame = await nextFrame(peer);
    const { name, stream, flags, payload } = frame;
    assert.notEqual(name, 'GOAWAY', `${payload.toString('latin1', 8)}; ended so far: ${[...found].join(' ')}`);
    if (name === 'RST_STREAM') {
      // Behind a whole answer it only says that the rest is not wanted.
      if (!found.has(stream)) found.set(stream, `reset ${payload.readUInt32BE(0)}`);
      continue;
    }
    if (name === 'HEADERS') {
      const fields = peer.fields(frame);
      const seen = fields.indexOf('x-seen');
      if (fields[1]?.startsWith('1')) continue;
      heads.set(stream, seen < 0 ? (fields[1] ?? '') : (fields[seen + 1] ?? ''));
    }
    if ((name === 'HEADERS' || name === 'DATA') && (flags & 1) === 1) found.set(stream, heads.get(stream) ?? '');
  }
  return found;
}

async function nextFrame(peer: RawPeer): Promise<IRawFrame> {
  const first = peer.frames.shift();
  if (first !== undefined) return first;
  await new Promise<void>((resolve) => peer.socket.once('data', () => setImmediate(resolve)).once('close', resolve));
  const next = peer.frames.shift();
  assert.ok(next !== undefined || !peer.ended, 'the connection ended');
  return next ?? nextFrame(peer);
}

function sent(asked: IAsked, stream: number): Buffer[] {
  const { fields, pieces, pad, trailers } = asked;
  const isHead = pieces.length === 0 && trailers === null;
  const how = pad === undefined ? {} : { pad };
  const frames = [rawHeaders(stream, fields, { end: isHead, ...how })];
  pieces.forEach((piece, at) => {
    const end = at === pieces.length - 1 && trailers === null;
    frames.push(rawData(stream, Buffer.from(piece, 'latin1'), { end, ...how }));
  });
  if (trailers !== null) frames.push(rawHeaders(stream, trailers, { end: true }));
  return frames;
}

async function check(port: number, all: readonly IAsked[], seen: string[]): Promise<void> {
  seen.length = 0;
  await using peer = await connectRaw(port);
  peer.send(rawSettingsAck(), ...all.flatMap((asked, at) => sent(asked, at * 2 + 1)));
  const found = await outcomes(peer, all.length);
  all.forEach(({ meant }, at) => {
    const got = found.get(at * 2 + 1) ?? '';
    if (meant === null) assert.match(got, /^(reset 1|4\d\d)$/);
    else assert.equal(got, meant);
  });
  const meant = all.flatMap((asked) => asked.meant ?? []).sort();
  assert.deepEqual([...seen].sort(), meant);
}

tap.test('what arrives is what was meant, once, whatever else is asked on the connection', async () => {
  await using origin = await startSeeingOrigin();
  await using proxy = await startProxy({ routes: [makeHttpRoute(origin.port)], http: { h2c: true } });
  const requests = fc.array(fc.oneof(right, wrong), { minLength: 1, maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(requests, (all) => check(proxy.port, all, origin.seen)),
    { numRuns: numRuns(150), seed: 42 },
  );
});

tap.test('attacks by HTTP/1.1 are content where they are content, and nothing where they are heads', async () => {
  await using origin = await startSeeingOrigin();
  await using proxy = await startProxy({ routes: [makeHttpRoute(origin.port)], http: { h2c: true } });
  const parts = { method: 'POST', path: '/', authority: 'a.test', fields: [], pad: undefined, trailers: null } as const;
  let count = 0;
  for (const { raw: text } of http1Attacks) {
    if (text.length > 10_000) continue;
    count++;
    const content = { ...parts, pieces: [text], length: 'right', isBad: false } as const;
    const isHarmful = /[\r\n\0]/.test(text);
    const all = [made(content), made({ ...content, length: 'none' })];
    if (isHarmful) {
      all.push(made({ ...content, fields: ['x-a', text], isBad: true }));
      all.push(made({ ...content, path: `/${text}`, isBad: true }));
      all.push(made({ ...content, method: text.slice(0, 200), isBad: true }));
    }
    await check(proxy.port, all, origin.seen);
  }
  expect(count > 20).toBeTrue();
});

export default tap.start();
