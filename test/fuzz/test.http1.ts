// Nearly right messages of HTTP/1: whatever comes, nothing throws, and what is accepted is written again with the same meaning.

import assert from 'node:assert/strict';
import { decodeRequestHead, type THeadDecoded } from '../../ts/codec/http1-request.js';
import { decodeResponseHead } from '../../ts/codec/http1-response.js';
import { chunkHead, chunkTail, lastChunk, writeRequestHead, writeResponseHead } from '../../ts/codec/http1-write.js';
import { fuzz, fuzzInputs, type TRandom, tell } from '../helpers/fuzz.js';
import { latin1, readContent, testHeadLimits } from '../helpers/read-http1.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { http1Attacks } from '../vectors/http1-attacks.js';

/** Written by us whatever the message says, so they are not compared. */
const isOurs = (name: string): boolean =>
  /^(connection|upgrade|host|expect|content-length|transfer-encoding)$/i.test(name);
const others = (fields: readonly string[]): string[] => fields.filter((_, at) => !isOurs(fields[at - (at % 2)] ?? ''));

const words = [
  '\r\n',
  '\r',
  '\n',
  ' ',
  ': ',
  'Content-Length: 5\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Host: b.test\r\n',
];
const moreWords = [
  'Connection: Upgrade\r\n',
  'Upgrade: websocket\r\n',
  'HTTP/1.1',
  'HTTP/1.0',
  '\0',
  '\t',
  '0',
  'http://b.test',
];

/** An answer for a part never changes when more comes, but from "short"; its words may name another of several faults. */
function checkCut(
  decode: (bytes: Buffer, scanned: number) => THeadDecoded<unknown>,
  bytes: Buffer,
  random: TRandom,
): void {
  const whole = decode(bytes, 0);
  const at = random(bytes.length + 1);
  const part = decode(bytes.subarray(0, at), 0);
  assert.deepEqual(wordless(part.kind === 'short' ? decode(bytes, at) : part), wordless(whole));
}

const wordless = (answer: THeadDecoded<unknown>): object => ({ ...answer, why: '' });

tap.test('fuzzed heads of requests are refused, or written again with the same meaning', async (t) => {
  const report = await fuzz(
    {
      seeds: http1Attacks.map(({ raw }) => latin1(raw)).filter(({ length }) => length < 2_000),
      words: [...words, ...moreWords],
      judge(bytes, random) {
        const decode = (part: Buffer, scanned: number) => decodeRequestHead(part, 0, testHeadLimits, scanned);
        checkCut(decode, bytes, random);
        const answer = decode(bytes, 0);
        if (answer.kind !== 'done') return false;
        const head = answer.value;
        // Another protocol is asked for by GET alone; of other methods it is not passed on.
        const upgrade = head.method === 'GET' ? head.upgrade : null;
        const written = latin1(writeRequestHead(head, upgrade === null ? 'keep-alive' : 'upgrade'));
        const again = decode(written, 0);
        // HTTP/1.0 may go without Host, which 1.1 cannot say.
        if (head.authority === '') return true;
        assert.equal(again.kind, 'done');
        if (again.kind !== 'done') return true;
        assert.equal(again.used, written.length);
        const meaning = ({ method, target, authority, host, contentLength, expectsContinue, upgrade }: typeof head) => [
          ...[method, target, authority, host, contentLength, expectsContinue, upgrade],
        ];
        assert.deepEqual(meaning(again.value), meaning({ ...head, upgrade }));
        assert.deepEqual(others(again.value.fields), others(head.fields));
        return true;
      },
    },
    fuzzInputs(),
    9110,
  );
  t.diagnostic(tell(report));
  expect(report.accepted).toBeGreaterThan(report.inputs / 50);
  expect(report.grownBytes).toBeLessThan(16 * 2 ** 20);
});

const answers = [
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX: y\r\n\r\n0\r\n\r\n',
  'HTTP/1.0 404 Not Found\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\n\r\n',
  'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n',
  'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
  'HTTP/1.1 204\r\n\r\n',
];

tap.test('fuzzed heads of answers are refused, or written again with the same meaning', async (t) => {
  const report = await fuzz(
    {
      seeds: answers.map(latin1),
      words: [...words, ...moreWords, 'HTTP/1.1 204', 'HTTP/1.1 100 Continue\r\n\r\n', '304'],
      judge(bytes, random) {
        const method = ['GET', 'HEAD', 'CONNECT'][random(3)] ?? 'GET';
        const decode = (part: Buffer, scanned: number) => decodeResponseHead(part, 0, testHeadLimits, method, scanned);
        checkCut(decode, bytes, random);
        const answer = decode(bytes, 0);
        if (answer.kind !== 'done') return false;
        const head = answer.value;
        const connection = head.status === 101 ? 'upgrade' : head.framing === 'close' ? 'close' : '';
        const written = latin1(writeResponseHead(head, head.framing, connection, '1.1'));
        const again = decode(written, 0);
        assert.equal(again.kind, 'done');
        if (again.kind !== 'done') return true;
        assert.equal(again.used, written.length);
        const meaning = ({ status, framing, contentLength }: typeof head) => [status, framing, contentLength];
        assert.deepEqual(meaning(again.value), meaning(head));
        assert.deepEqual(others(again.value.fields), others(head.fields));
        return true;
      },
    },
    fuzzInputs(),
    9112,
  );
  t.diagnostic(tell(report));
  expect(report.accepted).toBeGreaterThan(report.inputs / 50);
  expect(report.grownBytes).toBeLessThan(16 * 2 ** 20);
});

tap.test('fuzzed chunks are refused, or written again as the same content', async (t) => {
  const attacks = http1Attacks.flatMap(({ raw }) => {
    const [head = '', ...rest] = raw.split('\r\n\r\n');
    return /chunked/i.test(head) && raw.length < 2_000 ? [latin1(rest.join('\r\n\r\n'))] : [];
  });
  const right = [
    '5\r\nhello\r\n0\r\n\r\n',
    'A;x="y;\\"z"\r\n0123456789\r\n0\r\nX-A: b\r\n\r\n',
    '1;a=b\r\nx\r\n000\r\n\r\n',
  ];
  const report = await fuzz(
    {
      seeds: [...attacks, ...right.map(latin1)],
      words: ['0\r\n\r\n', '5\r\n', '\r\n', '\r', '\n', ';', '="', '"', '\\', 'ffffffffffffffff', 'Host: a\r\n', '\0'],
      judge(bytes, random) {
        const whole = readContent(bytes, 0, -1);
        assert.deepEqual(readContent(bytes, 0, -1, 1 + random(9)), whole);
        if (whole.end < 0) return false;
        const text = whole.body === '' ? '' : `${chunkHead(whole.body.length)}${whole.body}${chunkTail}`;
        const again = readContent(latin1(`${text}${lastChunk(whole.trailers)}`), 0, -1);
        assert.deepEqual([again.body, again.trailers, again.fault], [whole.body, whole.trailers, null]);
        return true;
      },
    },
    fuzzInputs(),
    9113,
  );
  t.diagnostic(tell(report));
  expect(report.accepted).toBeGreaterThan(report.inputs / 50);
  expect(report.grownBytes).toBeLessThan(16 * 2 ** 20);
});

export default tap.start();
