// All recorded ClientHellos (test/vectors/README.md), each in many shapes.

import { readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { decodeClientHello } from '../../ts/codec/client-hello.js';
import type { TDecoded } from '../../ts/codec/decoded.js';
import { normaliseHost } from '../../ts/codec/host.js';
import { ja4Of } from '../../ts/codec/ja4.js';
import { recognise } from '../../ts/codec/recognise.js';
import { checkCuts, everywhere, feedBytewise, someCuts } from '../helpers/feed-bytes.js';
import { makeRecords } from '../helpers/make-client-hello.js';
import { expect, tap } from '../helpers/tapbundle.js';

interface IVector {
  readonly src: string;
  readonly b64: string;
  readonly full: boolean;
  readonly sni: string | null;
  readonly ok: boolean;
}

const packed = await readFile(new URL('../vectors/client-hello.json.gz', import.meta.url));
const recorded: Readonly<Record<string, IVector>> = JSON.parse(gunzipSync(packed).toString());
const vectors = Object.entries(recorded).map(([id, vector]) => ({
  id,
  ...vector,
  bytes: Buffer.from(vector.b64, 'base64'),
}));

const whyOf = (answer: TDecoded<unknown>): string => (answer.kind === 'broken' ? answer.why : answer.kind);

tap.timeout(120_000);

tap.test('there are 2 214 of them, and real clients sent 24', async () => {
  expect(vectors).toHaveLength(2_214);
  expect(vectors.filter(({ src }) => src.startsWith('live-') || src === 'rustls')).toHaveLength(24);
});

tap.test('every hello of a real client is read, with the name it asked for', async () => {
  for (const { src, bytes, sni } of vectors) {
    if (!src.startsWith('live-') && src !== 'rustls') continue;
    const answer = decodeClientHello(bytes);
    if (answer.kind !== 'done') throw new Error(`${src}: ${whyOf(answer)}`);
    expect(answer.value.serverName).toEqual(sni);
    if (src !== 'rustls') expect(answer.value.tlsVersion).toEqual('TLSv1.3');
    expect(answer.used).toEqual(bytes.length);
  }
});

tap.test('whole, byte by byte and cut in two anywhere, each gives one answer', async () => {
  for (const { id, bytes } of vectors) {
    const whole = decodeClientHello(bytes);
    const fed = feedBytewise(decodeClientHello, bytes);
    if (JSON.stringify(fed.answer) !== JSON.stringify(whole)) throw new Error(`${id}: other byte by byte`);
    if (fed.calls > 64) throw new Error(`${id}: asked ${fed.calls} times`);
    checkCuts(decodeClientHello, bytes, bytes.length > 3_000 ? someCuts(bytes, 17) : everywhere(bytes));
  }
});

/** The handshake bytes of all whole records from the start on; null where the record layer itself is broken. */
function payloadOf(bytes: Buffer): Buffer | null {
  const parts: Buffer[] = [];
  for (let at = 0; at + 5 <= bytes.length; ) {
    const length = bytes.readUInt16BE(at + 3);
    if (bytes[at] !== 22 || bytes[at + 1] !== 3 || length === 0 || length > 16_384) break;
    parts.push(bytes.subarray(at + 5, at + 5 + length));
    at += 5 + length;
  }
  const payload = Buffer.concat(parts);
  const size = payload.length < 4 ? Number.NaN : 4 + (payload.readUInt32BE(0) & 0xffffff);
  return payload.length >= size ? payload.subarray(0, size) : null;
}

tap.test('cut again into other records, each gives the same answer', async () => {
  let recut = 0;
  for (const { id, bytes } of vectors) {
    const payload = payloadOf(bytes);
    if (payload === null) continue;
    const whole = decodeClientHello(bytes);
    const half = payload.length >> 1;
    const oddSizes = Array.from({ length: 40 }, (_, i) => 1 + ((i * 37) % 90));
    for (const sizes of [[16_384], [1], [3, 1, 200], [half, 16_384], [payload.length - 1, 1], oddSizes]) {
      const records = makeRecords(payload, sizes);
      const answer = decodeClientHello(records);
      const same = whole.kind === 'done' && answer.kind === 'done';
      if (whyOf(answer) !== whyOf(whole)) throw new Error(`${id} in ${sizes}: ${whyOf(answer)}, not ${whyOf(whole)}`);
      if (same && JSON.stringify(answer.value) !== JSON.stringify(whole.value)) throw new Error(`${id}: other values`);
      if (same) expect(answer.used).toEqual(records.length);
      checkCuts(decodeClientHello, records, someCuts(records, 501));
      recut++;
    }
  }
  expect(recut).toBeGreaterThan(12_000);
});

tap.test('where a lenient parser found a name, so do we, or the hello is refused for a reason of ours', async () => {
  const refused: Record<string, number> = {};
  const otherNames: string[] = [];
  for (const { id, bytes, full, ok, sni } of vectors) {
    if (!full || !ok) continue;
    const answer = decodeClientHello(bytes);
    if (answer.kind !== 'done') {
      refused[whyOf(answer)] = (refused[whyOf(answer)] ?? 0) + 1;
    } else if (answer.value.rawServerName !== sni) {
      otherNames.push(id);
    } else {
      expect(answer.value.serverName).toEqual(sni === null ? null : normaliseHost(sni));
    }
  }
  // Its name has type 7: it is no host name (RFC 6066 §3).
  expect(otherNames).toEqual(['180c58bdf597']);
  expect(refused).toEqual({
    'a server name with bytes that no host name has': 45,
    'an extension given twice': 61, // RFC 8446 §4.2
    'a malformed signature_algorithms extension': 22, // empty, odd or overrun: RFC 8446 §4.2.3
    'a malformed server_name extension': 30, // empty list or name, bytes left over: RFC 6066 §3
    'a malformed ALPN extension': 20, // RFC 7301 §3.1
    'a malformed supported_versions extension': 10, // RFC 8446 §4.2.1
    'a ClientHello whose fields overrun': 15, // session id over 32 bytes, no compression method: RFC 8446 §4.1.2
    'an extension block whose length does not fit': 2,
    'a handshake record of impossible length': 1, // empty records between: RFC 8446 §5.1
    short: 1, // 4 141 bytes in records of one byte, recorded up to byte 20 000
  });
});

tap.test('what a lenient parser could not read either is never taken', async () => {
  for (const { id, bytes, ok } of vectors) {
    if (!ok && decodeClientHello(bytes).kind === 'done') throw new Error(id);
  }
});

tap.test('each is recognised as TLS by its first six bytes, and by no fewer', async () => {
  let recognised = 0;
  for (const { bytes } of vectors) {
    if (decodeClientHello(bytes).kind !== 'done') continue;
    const answer = recognise(bytes.subarray(0, 6));
    expect(answer).toEqual({ kind: 'done', value: { protocol: 'tls', http2Preface: false }, used: 0 });
    recognised++;
    for (let cut = 0; cut < 6; cut++) expect(recognise(bytes.subarray(0, cut)).kind).toEqual('short');
  }
  expect(recognised).toBeGreaterThan(1_900);
});

tap.test('a browser keeps its JA4 although it shuffles its extensions', async () => {
  const fingerprints = new Set<string>();
  const orders = new Set<string>();
  for (const { src, bytes } of vectors) {
    if (src !== 'live-chromium') continue;
    const answer = decodeClientHello(bytes);
    if (answer.kind !== 'done') throw new Error(whyOf(answer));
    fingerprints.add(ja4Of(answer.value));
    orders.add(answer.value.extensions);
  }
  expect(orders.size).toBeGreaterThan(1);
  expect([...fingerprints]).toHaveLength(1);
  expect([...fingerprints][0]).toMatch(/^t13d1517h2_8daaf6152771_[0-9a-f]{12}$/);
});

export default tap.start();
