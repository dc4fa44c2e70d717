// How a ClientHello is put together from TLS records.

import { clientHelloLimitBytes, decodeClientHello, type IClientHello } from '../../ts/codec/client-hello.js';
import { gatherClientHello } from '../../ts/codec/tls-record.js';
import { checkCuts, feedBytewise, someCuts } from '../helpers/feed-bytes.js';
import { browserHello, makeClientHello, makeHelloMessage, makeRecords, sniOf } from '../helpers/make-client-hello.js';
import { expect, tap } from '../helpers/tapbundle.js';

function read(bytes: Buffer): IClientHello {
  const answer = decodeClientHello(bytes);
  if (answer.kind !== 'done') throw new Error(JSON.stringify(answer));
  return answer.value;
}
function whyBroken(bytes: Buffer): string {
  const answer = decodeClientHello(bytes);
  return answer.kind === 'broken' ? answer.why : JSON.stringify(answer);
}

tap.test('a message in one record is not copied, one in several is joined in order', async () => {
  const message = makeHelloMessage();
  const one = makeRecords(message);
  const gathered = gatherClientHello(one);
  expect(gathered.kind === 'done' && gathered.value.buffer === one.buffer).toBeTrue();
  for (const bytes of [one, makeRecords(message, [7])]) {
    const { kind, ...rest } = gatherClientHello(bytes);
    expect(kind).toEqual('done');
    expect(rest).toEqual({ value: message.subarray(4), used: bytes.length });
  }
});

tap.test('a hello cut anywhere is waited for, and its end is found', async () => {
  for (const bytes of [makeClientHello(), makeClientHello(browserHello), makeClientHello({ extensions: null })]) {
    checkCuts(decodeClientHello, Buffer.concat([bytes, Buffer.from('early data')]));
    const fed = feedBytewise(decodeClientHello, bytes);
    expect(fed.answer).toEqual(decodeClientHello(bytes));
    // Nothing, two bytes that tell TLS from others, the headers, all of it.
    expect(fed.calls).toEqual(5);
  }
});

tap.test('however a hello is cut into records, it is the same hello', async () => {
  const message = makeHelloMessage(browserHello);
  const expected = read(makeRecords(message));
  for (const sizes of [[1], [2], [3], [4], [5], [1, 16_384], [3, 1, 500], [message.length - 1, 1]]) {
    const bytes = makeRecords(message, sizes);
    const answer = decodeClientHello(bytes);
    expect(answer).toEqual({ kind: 'done', value: expected, used: bytes.length });
    checkCuts(decodeClientHello, bytes, someCuts(bytes, 13));
    expect(feedBytewise(decodeClientHello, bytes).answer).toEqual(answer);
  }
});

tap.test('a handshake message behind the hello in the same record is not part of it', async () => {
  const message = makeHelloMessage({ extensions: [sniOf('a.test')] });
  const bytes = makeRecords(Buffer.concat([message, Buffer.from([16, 0, 0, 1, 0])]));
  const answer = decodeClientHello(bytes);
  expect(answer.kind === 'done' && answer.value.serverName).toEqual('a.test');
  expect(answer.kind === 'done' && answer.used).toEqual(5 + message.length);
  expect(decodeClientHello(bytes.subarray(0, 5 + message.length))).toEqual(answer);
});

tap.test('what is not TLS is foreign from its first telling byte on', async () => {
  for (const text of [
    'GET / HTTP/1.1\r\n',
    'G',
    '\x16\x02',
    '\x16\xfe\xff\x00',
    '\x80\x2e\x01\x03\x01\x00',
    '\x00',
    '\x15\x03\x03',
  ]) {
    expect(decodeClientHello(Buffer.from(text, 'latin1'))).toEqual({ kind: 'foreign' });
  }
  expect(decodeClientHello(Buffer.alloc(0)).kind).toEqual('short');
  expect(decodeClientHello(Buffer.from([22])).kind).toEqual('short');
});

tap.test('a handshake that begins with something else than a ClientHello is broken', async () => {
  for (const type of [0, 2, 11, 16, 255]) {
    expect(whyBroken(makeRecords(Buffer.from([type, 0, 0, 0])))).toContain('without ClientHello');
  }
  expect(whyBroken(Buffer.from([22, 3, 1, 0, 5, 2]))).toContain('without ClientHello');
});

tap.test('other records, empty records and oversized ones inside a hello are broken', async () => {
  const message = makeHelloMessage();
  const first = makeRecords(message.subarray(0, 20));
  const rest = makeRecords(message.subarray(20));
  expect(decodeClientHello(Buffer.concat([first, rest])).kind).toEqual('done');
  for (const type of [20, 21, 23]) {
    const wrong = Buffer.from(rest);
    wrong[0] = type;
    expect(whyBroken(Buffer.concat([first, wrong]))).toContain('another record');
  }
  const impossible = 'impossible length';
  expect(whyBroken(Buffer.concat([first, Buffer.from([22, 3, 1, 0, 0]), rest]))).toContain(impossible);
  expect(whyBroken(Buffer.from([22, 3, 1, 0x40, 1]))).toContain(impossible);
  expect(decodeClientHello(Buffer.from([22, 3, 1, 0x40, 0])).kind).toEqual('short');
});

tap.test('the limit of 64 KiB counts every byte on the wire, and holds from both sides', async () => {
  const padded = (size: number) => makeHelloMessage({ extensions: [sniOf('a.test'), [21, Buffer.alloc(size)]] });
  const wire = (size: number) => makeRecords(padded(size));
  const size = clientHelloLimitBytes - wire(0).length - 3 * 5;
  expect(wire(size)).toHaveLength(clientHelloLimitBytes);
  expect(read(wire(size)).serverName).toEqual('a.test');
  checkCuts(decodeClientHello, wire(size), someCuts(wire(size), 5_000));
  expect(whyBroken(wire(size + 1))).toContain('64 KiB');
  // It is refused as soon as its header says so, not after 64 KiB.
  expect(whyBroken(wire(size + 1).subarray(0, 9))).toContain('64 KiB');
  expect(whyBroken(makeRecords(Buffer.from([1, 0xff, 0xff, 0xff])))).toContain('64 KiB');
  // In tiny records the headers use up the limit.
  expect(whyBroken(makeRecords(padded(11_000), [1]))).toContain('64 KiB');
});

tap.test('64 KiB that come byte by byte in records of one byte are read a few dozen times at most', async () => {
  const bytes = makeRecords(makeHelloMessage({ extensions: [[21, Buffer.alloc(10_700)]] }), [1]);
  expect(bytes.length).toBeGreaterThan(64_000);
  const fed = feedBytewise(decodeClientHello, bytes);
  expect(fed.answer.kind).toEqual('done');
  expect(fed.calls).toBeLessThan(64);
  const whole = feedBytewise(
    decodeClientHello,
    makeRecords(makeHelloMessage({ extensions: [[21, Buffer.alloc(16_000)]] })),
  );
  expect(whole.calls).toEqual(5);
  expect(whole.bytesSeen).toBeLessThan(17_000);
});

export default tap.start();
