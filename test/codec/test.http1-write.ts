import fc from 'fast-check';
import type { IRequestHead, IResponseHead } from '../../ts/codec/http-message.js';
import { decodeRequestHead } from '../../ts/codec/http1-request.js';
import { decodeResponseHead } from '../../ts/codec/http1-response.js';
import { chunkHead, lastChunk, writeInform, writeRequestHead, writeResponseHead } from '../../ts/codec/http1-write.js';
import { done, latin1, testHeadLimits } from '../helpers/read-http1.js';
import { expect, numRuns, tap } from '../helpers/tapbundle.js';

const request = (changes: Partial<IRequestHead> = {}): IRequestHead => ({
  version: '1.1',
  method: 'GET',
  target: '/a?b',
  authority: 'a.test:81',
  host: 'a.test',
  fields: ['X-One', '1', 'x-two', ''],
  contentLength: 0,
  expectsContinue: false,
  upgrade: null,
  close: false,
  ...changes,
});
const response = (changes: Partial<IResponseHead> = {}): IResponseHead => ({
  status: 200,
  reason: '',
  fields: ['X-One', '1'],
  contentLength: 5,
  ...changes,
});
const start = 'GET /a?b HTTP/1.1\r\nHost: a.test:81\r\nX-One: 1\r\nx-two: \r\n';

tap.test('a request is a line, Host, its fields and what we say', async () => {
  expect(writeRequestHead(request(), 'keep-alive')).toEqual(`${start}\r\n`);
  expect(writeRequestHead(request(), 'close')).toEqual(`${start}Connection: close\r\n\r\n`);
  expect(writeRequestHead(request({ upgrade: 'websocket' }), 'upgrade')).toEqual(
    `${start}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
  );
  expect(writeRequestHead(request({ upgrade: 'websocket' }), 'keep-alive')).toEqual(`${start}\r\n`);
  expect(writeRequestHead(request({ version: '1.0' }), 'keep-alive')).toEqual(`${start}\r\n`);
  expect(writeRequestHead(request({ method: 'CONNECT', target: '', fields: [] }), 'keep-alive')).toEqual(
    'CONNECT a.test:81 HTTP/1.1\r\nHost: a.test:81\r\n\r\n',
  );
});

tap.test('the framing of a request is ours, whatever its method (RFC 9112 §6)', async () => {
  const framingOf = (changes: Partial<IRequestHead>) =>
    writeRequestHead(request({ fields: [], ...changes }), 'keep-alive')
      .split('\r\n')
      .slice(2, -2);
  for (const method of ['GET', 'HEAD', 'OPTIONS', 'DELETE', 'POST', 'QUERY']) {
    expect(framingOf({ method, contentLength: 5 })).toEqual(['Content-Length: 5']);
    expect(framingOf({ method, contentLength: -1 })).toEqual(['Transfer-Encoding: chunked']);
  }
  for (const method of ['POST', 'PUT', 'PATCH']) expect(framingOf({ method })).toEqual(['Content-Length: 0']);
  for (const method of ['GET', 'HEAD', 'DELETE', 'OPTIONS']) expect(framingOf({ method })).toEqual([]);
  expect(framingOf({ contentLength: 5, expectsContinue: true })).toEqual(['Expect: 100-continue', 'Content-Length: 5']);
});

tap.test('fields that are ours to write are never written twice', async () => {
  const fields = [
    'host',
    'b.test',
    'CONTENT-LENGTH',
    '9',
    'transfer-encoding',
    'chunked',
    'Connection',
    'x',
    'upgrade',
    'h2c',
    'EXPECT',
    'x',
  ];
  const others = [
    'Hast',
    '1',
    'Content-Lengthx',
    '2',
    'Content-Langth',
    '3',
    'Connections',
    '4',
    'Uograde',
    '5',
    'Expcet',
    '6',
  ];
  expect(writeRequestHead(request({ fields: [...fields, ...others] }), 'keep-alive')).toEqual(
    'GET /a?b HTTP/1.1\r\nHost: a.test:81\r\nHast: 1\r\nContent-Lengthx: 2\r\nContent-Langth: 3\r\nConnections: 4\r\nUograde: 5\r\nExpcet: 6\r\n\r\n',
  );
  expect(writeResponseHead(response({ fields }), 'length', '', '1.1')).toEqual(
    'HTTP/1.1 200 OK\r\nhost: b.test\r\nupgrade: h2c\r\nEXPECT: x\r\nContent-Length: 5\r\n\r\n',
  );
});

tap.test('a response is a line, its fields, its framing and Connection', async () => {
  const head = 'HTTP/1.1 200 OK\r\nX-One: 1\r\n';
  expect(writeResponseHead(response(), 'length', '', '1.1')).toEqual(`${head}Content-Length: 5\r\n\r\n`);
  expect(writeResponseHead(response({ contentLength: -1 }), 'chunked', 'keep-alive', '1.1')).toEqual(
    `${head}Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n`,
  );
  expect(writeResponseHead(response({ contentLength: -1 }), 'close', 'close', '1.0')).toEqual(
    'HTTP/1.0 200 OK\r\nX-One: 1\r\nConnection: close\r\n\r\n',
  );
  expect(
    writeResponseHead(response({ status: 101, fields: ['Upgrade', 'x'], contentLength: 0 }), 'none', 'upgrade', '1.1'),
  ).toEqual('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n');
  expect(
    writeResponseHead(response({ status: 299, reason: 'Own \xe9' }), 'length', '', '1.1').split('\r\n')[0],
  ).toEqual('HTTP/1.1 299 Own \xe9');
  expect(writeResponseHead(response({ status: 299 }), 'length', '', '1.1').split('\r\n')[0]).toEqual('HTTP/1.1 299 ');
});

tap.test('without content a known length is stated where it may be (RFC 9110 §8.6)', async () => {
  const states = (status: number, contentLength: number) =>
    writeResponseHead(response({ status, contentLength }), 'none', '', '1.1').includes('Content-Length');
  expect([states(200, 5), states(200, 0), states(304, 5), states(200, -1), states(304, -1)]).toEqual([
    true,
    true,
    true,
    false,
    false,
  ]);
  expect([states(204, 0), states(101, 0)]).toEqual([false, false]);
});

tap.test('interim answers and chunks have their short forms', async () => {
  expect(writeInform(100, [])).toEqual('HTTP/1.1 100 Continue\r\n\r\n');
  expect(writeInform(103, ['Link', '</a>'])).toEqual('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n');
  expect([chunkHead(1), chunkHead(16), chunkHead(65_535)]).toEqual(['1\r\n', '10\r\n', 'ffff\r\n']);
  expect(lastChunk(null)).toEqual('0\r\n\r\n');
  expect(lastChunk(['X', 'y', 'Host', 'z'])).toEqual('0\r\nX: y\r\n\r\n');
});

const names = fc.stringMatching(/^X-[A-Za-z0-9!#$%&'*+.^_`|~-]{1,12}$/);
const values = fc.stringMatching(/^([!-~\x80-\xff]([ \t!-~\x80-\xff]{0,20}[!-~\x80-\xff])?)?$/);
const fields = fc.array(fc.tuple(names, values), { maxLength: 8 }).map((pairs) => pairs.flat());

const requests: fc.Arbitrary<IRequestHead> = fc
  .record({
    method: fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'QUERY', 'X!'),
    target: fc.stringMatching(/^\/([a-z][!-"$-[\]-~]{0,20})?$/),
    authority: fc.constantFrom('a.test', 'A.Test:80', '[::1]:8080', '192.0.2.1', 'xn--bcher-kva.test'),
    fields,
    contentLength: fc.constantFrom(0, 1, 999_999_999_999_999, -1),
    expectsContinue: fc.boolean(),
  })
  .map((head) => request({ ...head, expectsContinue: head.expectsContinue && head.contentLength !== 0 }));

tap.test('a request that is written is read again as it was', async () => {
  fc.assert(
    fc.property(requests, (head) => {
      const text = writeRequestHead(head, 'keep-alive');
      const answer = decodeRequestHead(latin1(text), 0, testHeadLimits);
      const read = done(answer);
      expect({ ...read, host: head.host }).toEqual(head);
      expect(answer.kind === 'done' && answer.used).toEqual(text.length);
    }),
    { seed: 441, numRuns: numRuns() },
  );
});

tap.test('a response that is written is read again as it was', async () => {
  const heads = fc.record({
    status: fc.constantFrom(200, 201, 404, 500, 599),
    reason: values,
    fields,
    contentLength: fc.constantFrom(-1, 0, 7),
  });
  fc.assert(
    fc.property(heads, (head) => {
      const framing = head.contentLength < 0 ? 'chunked' : 'length';
      const read = done(
        decodeResponseHead(latin1(writeResponseHead(head, framing, '', '1.1')), 0, testHeadLimits, 'GET'),
      );
      const reason = head.reason === '' ? read.reason : head.reason;
      expect([read.status, read.reason, read.fields, read.contentLength]).toEqual([
        head.status,
        reason,
        head.fields,
        head.contentLength,
      ]);
    }),
    { seed: 442, numRuns: numRuns() },
  );
});

export default tap.start();
