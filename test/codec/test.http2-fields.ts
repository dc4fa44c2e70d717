import type { IRequestHead, IResponseHead } from '../../ts/codec/http-message.js';
import { readTrailers, requestBlock, responseBlock, trailerBlock } from '../../ts/codec/http2-fields.js';
import { expect, tap } from '../helpers/tapbundle.js';

const head = (changes: Partial<IRequestHead>): IRequestHead => ({
  version: '1.1',
  method: 'GET',
  target: '/a?b',
  authority: 'A.test:1',
  host: 'a.test',
  fields: [],
  contentLength: 0,
  expectsContinue: false,
  upgrade: null,
  close: false,
  ...changes,
});
const answer = (changes: Partial<IResponseHead>): IResponseHead => ({
  status: 200,
  reason: 'Fine',
  fields: [],
  contentLength: -1,
  ...changes,
});

tap.test('a request becomes pseudo-fields, then fields in lower case (RFC 9113 §8.2, §8.3.1)', async () => {
  expect(requestBlock(head({ fields: ['Accept', '*/*', 'X-Own', 'Y'] }), 'https')).toEqual([
    ...[':method', 'GET', ':scheme', 'https', ':path', '/a?b', ':authority', 'A.test:1'],
    ...['accept', '*/*', 'x-own', 'Y'],
  ]);
});

tap.test('a request without an authority gets none (RFC 9113 §8.3.1)', async () => {
  expect(requestBlock(head({ version: '1.0', authority: '', host: '' }), 'http')).toEqual([
    ...[':method', 'GET', ':scheme', 'http', ':path', '/a?b'],
  ]);
});

tap.test('an asterisk stays one (RFC 9113 §8.3.1)', async () => {
  expect(requestBlock(head({ method: 'OPTIONS', target: '*' }), 'http').slice(0, 6)).toEqual([
    ...[':method', 'OPTIONS', ':scheme', 'http', ':path', '*'],
  ]);
});

tap.test('fields of a connection, and what we say ourselves, are left out (RFC 9113 §8.2.2)', async () => {
  const fields = [
    ...['Connection', 'x', 'Keep-Alive', '5', 'Proxy-Connection', 'x', 'Transfer-Encoding', 'chunked', 'Upgrade', 'x'],
    ...['Host', 'b.test', 'Expect', '100-continue', 'Content-Length', '9', 'X', 'y'],
  ];
  expect(requestBlock(head({ fields }), 'http').slice(8)).toEqual(['x', 'y']);
});

tap.test('of TE only trailers goes on (RFC 9113 §8.2.2)', async () => {
  const rows: readonly (readonly [string, boolean])[] = [
    ['trailers', true],
    ['Trailers', true],
    ['gzip, trailers', true],
    ['trailers;q=0.5 , gzip', true],
    ['gzip', false],
    ['xtrailers', false],
    ['trailersx', false],
    ['', false],
  ];
  for (const [value, goes] of rows) {
    const block = requestBlock(head({ fields: ['TE', value] }), 'http').slice(8);
    expect([value, block]).toEqual([value, goes ? ['te', 'trailers'] : []]);
  }
});

tap.test('a known length is stated where there is content, or might be', async () => {
  const lengthOf = (changes: Partial<IRequestHead>) => requestBlock(head(changes), 'http').slice(8);
  expect(lengthOf({ contentLength: 5 })).toEqual(['content-length', '5']);
  expect(lengthOf({ method: 'POST', contentLength: 0 })).toEqual(['content-length', '0']);
  expect(lengthOf({ contentLength: 0 })).toEqual([]);
  expect(lengthOf({ method: 'POST', contentLength: -1 })).toEqual([]);
  expect(lengthOf({ method: 'POST', contentLength: 5, expectsContinue: true })).toEqual([
    ...['expect', '100-continue', 'content-length', '5'],
  ]);
});

tap.test('a WebSocket of HTTP/1 becomes an extended CONNECT without its key (RFC 8441 §4, §5)', async () => {
  const fields = ['Sec-WebSocket-Key', 'abc', 'Sec-WebSocket-Version', '13', 'Connection', 'Upgrade'];
  expect(requestBlock(head({ upgrade: 'websocket', fields }), 'https')).toEqual([
    ...[':method', 'CONNECT', ':protocol', 'websocket', ':scheme', 'https', ':path', '/a?b', ':authority', 'A.test:1'],
    ...['sec-websocket-version', '13'],
  ]);
  expect(requestBlock(head({ fields: ['Sec-WebSocket-Key', 'abc'] }), 'https').slice(8)).toEqual([
    ...['sec-websocket-key', 'abc'],
  ]);
});

tap.test('CONNECT has neither scheme nor path (RFC 9113 §8.5)', async () => {
  expect(requestBlock(head({ method: 'CONNECT', target: '', authority: 'a.test:443' }), 'https')).toEqual([
    ...[':method', 'CONNECT', ':authority', 'a.test:443'],
  ]);
});

tap.test('an answer becomes its status, fields in lower case, and its length (RFC 9113 §8.3.2)', async () => {
  const fields = ['Server', 'x', 'Connection', 'close', 'Keep-Alive', '5', 'TE', 'x', 'Content-Length', '9'];
  expect(responseBlock(answer({ fields, contentLength: 5 }), false)).toEqual([
    ...[':status', '200', 'server', 'x', 'content-length', '5'],
  ]);
});

tap.test('a length is stated where it is known, and content is allowed (RFC 9110 §8.6)', async () => {
  const rows: readonly (readonly [number, number, boolean, string | null])[] = [
    [200, -1, false, null],
    [200, 0, false, '0'],
    [200, 5, false, '5'],
    // HEAD, 304, a tunnel.
    [200, 5, true, '5'],
    [304, 5, true, '5'],
    [200, -1, true, null],
    [200, 0, true, null],
    [204, 0, true, null],
    [103, 0, true, null],
  ];
  for (const [status, contentLength, noContent, stated] of rows) {
    const block = responseBlock(answer({ status, contentLength }), noContent);
    expect(block).toEqual([':status', `${status}`, ...(stated === null ? [] : ['content-length', stated])]);
  }
});

tap.test('trailers are written in lower case without fields of a connection', async () => {
  expect(trailerBlock(['Grpc-Status', '0', 'Connection', 'x', 'Transfer-Encoding', 'y'])).toEqual(['grpc-status', '0']);
});

tap.test('trailers are read, but for those that may not be merged into a head', async () => {
  const fields = ['grpc-status', '0', 'set-cookie', 'a', 'digest', 'x', 'content-type', 'y', 'a_b', 'z'];
  expect(readTrailers(fields)).toEqual(['grpc-status', '0', 'digest', 'x']);
  expect(readTrailers([])).toEqual([]);
});

tap.test('trailers with pseudo-fields are malformed (RFC 9113 §8.1)', async () => {
  for (const name of [':status', ':path', ':']) {
    expect(readTrailers(['x', 'y', name, '200'])).toEqual({ fault: 'field name in the trailers' });
    expect(readTrailers([name, '200'])).toEqual({ fault: 'field name in the trailers' });
  }
});

tap.test('trailers are judged as fields are (RFC 9113 §8.2.1)', async () => {
  for (const name of ['', 'X', 'a b', 'a\r\nb']) {
    expect(readTrailers([name, 'y'])).toEqual({ fault: 'field name in the trailers' });
  }
  for (const value of ['a\r\nb', '\0', 'a\n']) {
    expect(readTrailers(['x', value])).toEqual({ fault: 'field value in the trailers' });
  }
  expect(readTrailers(['x', ' y'])).toEqual({ fault: 'white space around a field value in the trailers' });
});

tap.test('trailers that frame or route are refused, as in HTTP/1 (RFC 9113 §8.2.2)', async () => {
  const names = [
    'connection',
    'transfer-encoding',
    'upgrade',
    'keep-alive',
    'proxy-connection',
    'te',
    'content-length',
  ];
  for (const name of [...names, 'host', 'forwarded', 'x-forwarded-for']) {
    expect([name, readTrailers([name, '5'])]).toEqual([name, { fault: 'trailer that may be none' }]);
  }
});

export default tap.start();
