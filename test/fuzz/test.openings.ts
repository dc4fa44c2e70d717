// Nearly right first bytes of connections: PROXY headers, ClientHellos, and whatever else a port may be told.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { decodeClientHello } from '../../ts/codec/client-hello.js';
import type { TDecoded } from '../../ts/codec/decoded.js';
import { normaliseHost } from '../../ts/codec/host.js';
import { decodeProxyHeader, encodeProxyHeader } from '../../ts/codec/proxy-protocol.js';
import { recognise } from '../../ts/codec/recognise.js';
import { fuzz, fuzzInputs, type TRandom, tell } from '../helpers/fuzz.js';
import { browserHello, makeHelloMessage, makeRecords } from '../helpers/make-client-hello.js';
import { latin1 } from '../helpers/read-http1.js';
import { expect, tap } from '../helpers/tapbundle.js';

/** The answer of the whole; a part has the same one, or needs more than it has. Who only looks uses none of it. */
function decodeCut<T>(decode: (bytes: Buffer) => TDecoded<T>, bytes: Buffer, random: TRandom): TDecoded<T> {
  const whole = decode(bytes);
  if (whole.kind === 'short') assert(whole.need > bytes.length);
  if (whole.kind === 'done') assert(whole.used <= bytes.length);
  const at = random(bytes.length + 1);
  const part = decode(bytes.subarray(0, at));
  if (part.kind === 'short')
    assert(part.need > at && (whole.kind !== 'done' || part.need <= (whole.used || bytes.length)));
  else assert.deepEqual(part, whole);
  return whole;
}

const ends = { source: { address: '192.0.2.1', port: 1 }, destination: { address: '198.51.100.2', port: 65_535 } };
const six = { source: { address: '2001:db8::1', port: 1 }, destination: { address: '2001:db8::2', port: 443 } };
const ssl = { client: 7, verify: 0, version: 'TLSv1.3', commonName: 'client', cipher: 'X' };
const tlvs = { alpn: 'h2', authority: 'a.test', uniqueId: Buffer.alloc(16, 1), ssl, netns: 'n' };
const headers = [
  encodeProxyHeader({ version: 1, ...ends }),
  encodeProxyHeader({ version: 1, ...six }),
  latin1('PROXY UNKNOWN\r\n'),
  encodeProxyHeader({ version: 2, ...ends, tlvs }),
  encodeProxyHeader({ version: 2, ...six, tlvs, checksum: true }),
  encodeProxyHeader({ version: 2, command: 'local', source: null, destination: null }),
];

tap.test('fuzzed PROXY headers are refused, or written again with the same meaning', async (t) => {
  const report = await fuzz(
    {
      seeds: headers.map((header) => Buffer.concat([header, latin1('data')])),
      words: [
        '\r\n',
        ' ',
        'TCP4',
        'TCP6',
        'UNKNOWN',
        '::1',
        '0',
        '65536',
        Buffer.of(0, 12),
        Buffer.of(0x20, 0, 5),
        Buffer.of(3, 0, 4),
      ],
      judge(bytes, random) {
        const answer = decodeCut(decodeProxyHeader, bytes, random);
        if (answer.kind !== 'done') return false;
        const { version, command, source, destination, tlvs: told } = answer.value;
        const { crc32c, ...rest } = told;
        const again = decodeProxyHeader(
          encodeProxyHeader({ version, command, source, destination, tlvs: rest, checksum: crc32c !== undefined }),
        );
        assert.equal(again.kind, 'done');
        if (again.kind !== 'done') return true;
        assert.deepEqual([again.value.source, again.value.destination], [source, destination]);
        if (source === null) return true;
        const { crc32c: _, ...kept } = again.value.tlvs;
        assert.deepEqual(kept, rest);
        return true;
      },
    },
    fuzzInputs(),
    3548,
  );
  t.diagnostic(tell(report));
  expect(report.accepted).toBeGreaterThan(report.inputs / 20);
  expect(report.grownBytes).toBeLessThan(16 * 2 ** 20);
});

const packed = await readFile(new URL('../vectors/client-hello.json.gz', import.meta.url));
const recorded: Readonly<Record<string, { readonly b64: string }>> = JSON.parse(gunzipSync(packed).toString());
const hellos = Object.values(recorded)
  .map(({ b64 }) => Buffer.from(b64, 'base64'))
  .filter(({ length }) => length > 50 && length < 3_000);

tap.test('fuzzed ClientHellos are refused, or give the same answer however they are cut', async (t) => {
  const report = await fuzz(
    {
      seeds: [
        ...hellos,
        makeRecords(makeHelloMessage(browserHello)),
        makeRecords(makeHelloMessage(browserHello), [3, 700]),
      ],
      words: [
        Buffer.of(22, 3, 1, 0, 5),
        Buffer.of(0, 0),
        Buffer.of(0, 16),
        Buffer.of(0xff, 0xff),
        'a.test',
        '\0',
        '127.0.0.1',
      ],
      judge(bytes, random) {
        const answer = decodeCut(decodeClientHello, bytes, random);
        if (answer.kind !== 'done') return false;
        const { serverName, alpn, extensions } = answer.value;
        assert(serverName === null || normaliseHost(serverName) === serverName);
        assert(alpn.length <= 128 && extensions.length <= bytes.length);
        return true;
      },
    },
    fuzzInputs(),
    6066,
  );
  t.diagnostic(tell(report));
  expect(report.accepted).toBeGreaterThan(report.inputs / 20);
  expect(report.grownBytes).toBeLessThan(16 * 2 ** 20);
});

tap.test('fuzzed first bytes are recognised, and no more bytes change what they are', async (t) => {
  const plain = [
    'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    'SSH-2.0-x\r\n',
    'M-SEARCH * HTTP/1.1\r\n',
  ];
  const report = await fuzz(
    {
      seeds: [...plain.map(latin1), ...headers, ...hellos.slice(0, 20)],
      words: ['GET ', ' HTTP/1.1\r\n', ' HTTP/1.0\n', '\r\n', ' ', '\0', Buffer.of(22, 3, 1), 'PRI * HTTP/2.0'],
      judge: (bytes, random) => decodeCut(recognise, bytes, random).kind === 'done',
    },
    fuzzInputs(),
    9000,
  );
  t.diagnostic(tell(report));
  expect(report.accepted).toBeGreaterThan(report.inputs / 20);
  expect(report.grownBytes).toBeLessThan(16 * 2 ** 20);
});

export default tap.start();
