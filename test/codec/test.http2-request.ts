import fc from 'fast-check';
import { HpackEncoder } from '../../ts/codec/hpack-encoder.js';
import type { IRequestHead } from '../../ts/codec/http-message.js';
import { decodeRequestHead } from '../../ts/codec/http1-request.js';
import { writeRequestHead } from '../../ts/codec/http1-write.js';
import { requestBlock } from '../../ts/codec/http2-fields.js';
import { type IH2Fault, readRequest } from '../../ts/codec/http2-request.js';
import { encoded, makeDecoder } from '../helpers/hpack.js';
import { done, latin1, partOf, testHeadLimits } from '../helpers/read-http1.js';
import { expect, numRuns, tap } from '../helpers/tapbundle.js';

const usual = [':method', 'GET', ':scheme', 'https', ':authority', 'a.test', ':path', '/a?b'];
/** With other pseudo-fields; null leaves one out. */
const pseudo = (changes: Readonly<Record<string, string | null>>): string[] => {
  const all = { ':method': 'GET', ':scheme': 'https', ':authority': 'a.test', ':path': '/a?b', ...changes };
  return Object.entries(all).flatMap(([name, value]) => (value === null ? [] : [name, value]));
};
const read = (fields: readonly string[], end = true): IRequestHead => {
  const head = readRequest([...fields], end);
  if ('fault' in head) throw new Error(`${head.fault}: ${JSON.stringify(fields)}`);
  return head;
};
const faultOf = (fields: readonly string[], end = true): IH2Fault | null => {
  const head = readRequest([...fields], end);
  return 'fault' in head ? head : null;
};
const refused = (fields: readonly string[], fault: string, end = true): void => {
  expect([fields, faultOf(fields, end)]).toEqual([fields, { fault }]);
};
const same = (value: object, like: object): void => expect(partOf(value, like)).toEqual(like);

tap.test('a request is read in all its parts', async () => {
  expect(readRequest([...usual, 'accept', '*/*', 'host', 'a.test', 'x', ''], true)).toEqual({
    version: '2',
    method: 'GET',
    target: '/a?b',
    authority: 'a.test',
    host: 'a.test',
    fields: ['accept', '*/*', 'x', ''],
    contentLength: 0,
    expectsContinue: false,
    upgrade: null,
    close: false,
  });
});

tap.test('pseudo-fields come in any order', async () => {
  const fields = [':path', '/', ':authority', 'A.test:8080', ':method', 'PUT', ':scheme', 'http', 'x', 'y'];
  same(read(fields), { method: 'PUT', target: '/', authority: 'A.test:8080', host: 'a.test', fields: ['x', 'y'] });
});

tap.test('a pseudo-field behind a field is malformed (RFC 9113 §8.3)', async () => {
  refused([':method', 'GET', ':scheme', 'https', ':authority', 'a.test', 'x', 'y', ':path', '/'], 'field name');
  refused([...usual, 'x', 'y', ':path', '/'], 'field name');
});

tap.test('a pseudo-field that comes twice is malformed (RFC 9113 §8.3)', async () => {
  for (const name of [':method', ':scheme', ':authority', ':path']) {
    const again = usual[usual.indexOf(name) + 1] as string;
    refused([...usual, name, again], 'pseudo-field');
  }
  refused(
    [...pseudo({ ':method': 'CONNECT', ':protocol': 'websocket' }), ':protocol', 'websocket'],
    'pseudo-field',
    false,
  );
});

tap.test('a pseudo-field that requests have not is malformed (RFC 9113 §8.3)', async () => {
  for (const name of [':status', ':unknown', ':', ':Method', ': path', ':path '])
    refused([name, 'x', ...usual], 'pseudo-field');
});

tap.test('a request without one of its pseudo-fields is malformed (RFC 9113 §8.3.1)', async () => {
  refused(pseudo({ ':method': null }), ':method');
  refused(pseudo({ ':scheme': null }), ':scheme');
  refused(pseudo({ ':path': null }), ':path');
  refused(pseudo({ ':authority': null }), 'Host');
  refused([], ':method');
});

tap.test('a method is a token of at most 32 characters, as in HTTP/1', async () => {
  for (const method of [
    '',
    'GE T',
    'GET ',
    ' GET',
    'G\r\nET',
    'G:T',
    'G\xe9T',
    'X'.repeat(33),
    'GET\0',
    'GET / HTTP/1.1',
  ]) {
    refused(pseudo({ ':method': method }), ':method');
  }
  for (const method of ['get', 'M-SEARCH', 'X'.repeat(32)]) same(read(pseudo({ ':method': method })), { method });
});

tap.test('a scheme is that of HTTP', async () => {
  for (const scheme of ['', 'ftp', 'https ', 'http://a', 'httpss', 'ws', 'https\r\n']) {
    refused(pseudo({ ':scheme': scheme }), ':scheme');
  }
  for (const scheme of ['http', 'https', 'HTTPS']) same(read(pseudo({ ':scheme': scheme })), { target: '/a?b' });
});

tap.test('a path is in origin form, with nothing that a request line has not', async () => {
  const wrong = [
    '',
    '*',
    'a',
    '?a',
    '//a',
    '/a b',
    '/ HTTP/1.1',
    '/\r\nX: y',
    '/\n',
    '/\0',
    '/\t',
    '/a#b',
    '/\\a',
    '/\x7f',
  ];
  for (const path of [...wrong, '/\xe9', '/a?b c', '/a?#', '/a?\r', 'http://a.test/', 'a.test:80', '/a\\']) {
    refused(pseudo({ ':path': path }), ':path');
  }
  for (const path of ['/', '/?', '/a?b?c', '/%00', '/a//b', '/a?\\', '/..', '/a"b<c>']) {
    same(read(pseudo({ ':path': path })), { target: path });
  }
});

tap.test('an asterisk is the path of OPTIONS only (RFC 9113 §8.3.1)', async () => {
  same(read(pseudo({ ':method': 'OPTIONS', ':path': '*' })), { target: '*', method: 'OPTIONS' });
  refused(pseudo({ ':method': 'OPTIONS', ':path': '' }), ':path');
  refused(pseudo({ ':method': 'OPTIONS', ':path': '**' }), ':path');
  refused(pseudo({ ':method': 'GET', ':path': '*' }), ':path');
});

tap.test('an authority is one that Host may have, without user information (RFC 9113 §8.3.1)', async () => {
  for (const authority of [
    '',
    'u@a.test',
    'u:p@a.test',
    'a.test/',
    'a test',
    'a.test:x',
    'a.test:99999',
    'a,b',
    'a\r\nb',
  ]) {
    refused(pseudo({ ':authority': authority }), ':authority');
  }
  same(read(pseudo({ ':authority': '[::1]:443' })), { authority: '[::1]:443', host: '::1' });
});

tap.test('Host stands in for an authority that is missing (RFC 9113 §8.3.1)', async () => {
  same(read([...pseudo({ ':authority': null }), 'host', 'B.test:1', 'x', 'y']), {
    authority: 'B.test:1',
    host: 'b.test',
    fields: ['x', 'y'],
  });
  refused([...pseudo({ ':authority': null }), 'host', 'a b'], 'Host');
  refused([...pseudo({ ':authority': null }), 'host', ''], 'Host');
  refused([...pseudo({ ':authority': '' }), 'host', 'a.test'], ':authority');
});

tap.test('Host and authority name the same, or the request is malformed (RFC 9113 §8.3.1)', async () => {
  for (const host of ['b.test', 'a.test:80', 'a.test:444', 'a.test, b.test', '', 'a b', 'u@a.test']) {
    refused([...usual, 'host', host], 'Host and :authority differ');
  }
  for (const host of ['a.test', 'A.TEST', 'a.test:443', 'a.test.', 'a.test:']) {
    same(read([...usual, 'host', host]), { authority: 'a.test', fields: [] });
  }
  same(read([...pseudo({ ':scheme': 'http' }), 'host', 'a.test:80']), { authority: 'a.test' });
  refused([...usual, 'host', 'a.test', 'host', 'a.test'], 'several Host fields');
});

tap.test('names of fields are tokens in lower case (RFC 9113 §8.2, §8.2.1)', async () => {
  const wrong = [
    '',
    'X',
    'aB',
    'a b',
    'a ',
    ' a',
    'a:',
    'a:b',
    'a\r',
    'a\n',
    'a\0',
    'a\x7f',
    'a\xe9',
    'a/b',
    'a\tb',
    ':',
  ];
  for (const name of [...wrong, 'transfer-encoding:', 'host: b\r\nx'])
    refused([...usual, 'x', 'y', name, 'y'], 'field name');
  const right = "!#$%&'*+-.^_`|~09az";
  same(read([...usual, right, 'y']), { fields: [right, 'y'] });
});

tap.test('values of fields have no control octets (RFC 9113 §8.2.1)', async () => {
  for (const value of ['a\rb', 'a\nb', 'a\0b', 'a\r\nx: y', '\r', '\0', 'a\x7fb', 'a\x01b', '\n', 'a\r\n']) {
    refused([...usual, 'x', value], 'field value');
  }
  same(read([...usual, 'x', 'a\tb \xe9\x80']), { fields: ['x', 'a\tb \xe9\x80'] });
});

tap.test('values of fields have no white space around them (RFC 9113 §8.2.1)', async () => {
  for (const value of [' ', '\t', ' a', 'a ', '\ta', 'a\t'])
    refused([...usual, 'x', value], 'white space around a field value');
  refused([...usual, 'content-length', '5 '], 'white space around a field value', false);
});

tap.test('fields of a connection are malformed (RFC 9113 §8.2.2)', async () => {
  for (const name of ['connection', 'proxy-connection', 'keep-alive', 'transfer-encoding', 'upgrade']) {
    for (const value of ['x', 'close', 'chunked', '']) refused([...usual, name, value], 'field of a connection', false);
  }
  same(read([...usual, 'connections', 'x', 'upgrades', 'y']), { fields: ['connections', 'x', 'upgrades', 'y'] });
});

tap.test('TE asks for trailers or is malformed (RFC 9113 §8.2.2)', async () => {
  for (const value of ['', 'gzip', 'trailers, gzip', 'trailers;q=1', 'chunked']) refused([...usual, 'te', value], 'TE');
  same(read([...usual, 'te', 'trailers', 'te', 'Trailers']), { fields: ['te', 'trailers', 'te', 'Trailers'] });
});

tap.test('crumbs of Cookie become one field (RFC 9113 §8.2.3)', async () => {
  const fields = ['cookie', 'a=b', 'x', 'y', 'cookie', 'c=d', 'cookie', 'e=f; g=h'];
  same(read([...usual, ...fields]), { fields: ['cookie', 'a=b; c=d; e=f; g=h', 'x', 'y'] });
  same(read([...usual, 'cookie', '', 'cookie', 'c=d', 'cookie', '']), { fields: ['cookie', 'c=d'] });
  same(read([...usual, 'cookie', '']), { fields: ['cookie', ''] });
});

tap.test('a length is a number of up to 15 digits, once, as in HTTP/1', async () => {
  for (const value of ['', '+5', '-1', '0x5', '5,5', '5, 5', '1e3', '1000000000000000', '5;', '٣']) {
    expect([value, faultOf([...usual, 'content-length', value], false) !== null]).toEqual([value, true]);
  }
  refused([...usual, 'content-length', '5', 'content-length', '5'], 'several Content-Length fields', false);
  for (const [value, contentLength] of [
    ['0', 0],
    ['005', 5],
    ['999999999999999', 999_999_999_999_999],
  ] as const) {
    same(read([...usual, 'content-length', value], false), { contentLength, fields: [] });
  }
});

tap.test('content that is announced comes (RFC 9113 §8.1.1)', async () => {
  refused([...usual, 'content-length', '5'], 'content that does not come', true);
  same(read([...usual, 'content-length', '0'], true), { contentLength: 0 });
  same(read(usual, true), { contentLength: 0 });
  same(read(usual, false), { contentLength: -1 });
});

tap.test('Expect is 100-continue, or answered by 417', async () => {
  same(read([...usual, 'expect', '100-Continue'], false), { expectsContinue: true, fields: [] });
  same(read([...usual, 'expect', '100-continue'], true), { expectsContinue: false });
  same(read([...usual, 'expect', '100-continue', 'content-length', '0'], false), { expectsContinue: false });
  expect(faultOf([...usual, 'expect', 'x'], false)).toEqual({ fault: 'Expect', status: 417 });
  expect(faultOf([...usual, 'expect', '100-continue', 'expect', '100-continue'], false)?.status).toEqual(417);
});

const connect = [':method', 'CONNECT', ':authority', 'a.test:443'];

tap.test('CONNECT names host and port, and nothing else (RFC 9113 §8.5)', async () => {
  same(read([...connect, 'x', 'y'], false), {
    method: 'CONNECT',
    target: '',
    authority: 'a.test:443',
    host: 'a.test',
    contentLength: 0,
    upgrade: null,
    fields: ['x', 'y'],
  });
  refused([...connect, ':path', '/'], 'CONNECT with a path', false);
  refused([...connect, ':scheme', 'https'], 'CONNECT with a path', false);
  refused([':method', 'CONNECT', ':authority', 'a.test'], ':authority', false);
  refused([':method', 'CONNECT', ':authority', 'u@a.test:443'], ':authority', false);
  refused([':method', 'CONNECT'], ':authority', false);
  refused([':method', 'CONNECT', 'host', 'a.test:443'], ':authority', false);
  refused([...connect, 'host', 'b.test:443'], 'Host and :authority differ', false);
  refused([...connect, 'host', 'a.test'], 'Host and :authority differ', false);
  same(read([...connect, 'host', 'A.test:443'], false), { authority: 'a.test:443' });
});

const webSocket = pseudo({ ':method': 'CONNECT', ':protocol': 'websocket' });

tap.test('extended CONNECT asks for a protocol (RFC 8441 §4)', async () => {
  same(read([...webSocket, 'sec-websocket-version', '13'], false), {
    method: 'CONNECT',
    target: '/a?b',
    authority: 'a.test',
    host: 'a.test',
    upgrade: 'websocket',
    contentLength: 0,
    fields: ['sec-websocket-version', '13'],
  });
  same(read(pseudo({ ':method': 'CONNECT', ':protocol': 'WebSocket' }), false), { upgrade: 'websocket' });
  same(read(pseudo({ ':method': 'CONNECT', ':protocol': 'connect-udp' }), false), { upgrade: 'connect-udp' });
});

tap.test('extended CONNECT has scheme, path and authority (RFC 8441 §4)', async () => {
  const without = (name: string) => pseudo({ ':method': 'CONNECT', ':protocol': 'websocket', [name]: null });
  refused(without(':scheme'), ':scheme', false);
  refused(without(':path'), ':path', false);
  refused(without(':authority'), 'Host', false);
  refused([...without(':authority'), 'host', 'a.test'], ':authority', false);
  refused(pseudo({ ':method': 'CONNECT', ':protocol': 'websocket', ':path': '*' }), ':path', false);
  refused([...webSocket, 'host', 'b.test'], 'Host and :authority differ', false);
});

tap.test('a protocol belongs to CONNECT, and is one (RFC 8441 §4)', async () => {
  refused(pseudo({ ':protocol': 'websocket' }), ':protocol', false);
  for (const protocol of ['', 'a b', 'a, b', ' websocket', 'websocket\r\n', 'a/b/c', 'a,']) {
    refused(pseudo({ ':method': 'CONNECT', ':protocol': protocol }), ':protocol', false);
  }
});

tap.test('a tunnel has neither content of a stated length nor an end at its beginning', async () => {
  for (const fields of [connect, webSocket]) {
    refused([...fields, 'content-length', '5'], 'content before another protocol', false);
    refused([...fields, 'content-length', '0'], 'content before another protocol', false);
    refused([...fields, 'transfer-encoding', 'chunked'], 'field of a connection', false);
    refused(fields, 'a tunnel that has ended', true);
  }
});

const odd = <T>(usually: readonly T[], seldom: readonly T[]): fc.Arbitrary<T> =>
  fc.oneof({ weight: 8, arbitrary: fc.constantFrom(...usually) }, { weight: 1, arbitrary: fc.constantFrom(...seldom) });
const text = fc.uint8Array({ maxLength: 6 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
const soup = fc
  .tuple(
    fc.tuple(odd(['GET', 'POST', 'OPTIONS', 'PUT'], ['CONNECT', '', 'G T']), odd(['http', 'https'], ['x'])),
    fc.oneof(
      { weight: 5, arbitrary: fc.constantFrom('/', '/a', '/a?b', '*') },
      { weight: 1, arbitrary: text.map((t) => `/${t}`) },
    ),
    fc.oneof({ weight: 5, arbitrary: fc.constantFrom('a.test', 'A.test:1', '[::1]') }, { weight: 1, arbitrary: text }),
    fc.array(
      fc.oneof(
        {
          weight: 8,
          arbitrary: fc.constantFrom<string[][]>(
            ...[
              ['x', 'y'],
              ['accept', '*/*'],
              ['cookie', 'a=b'],
              ['cookie', 'c=d'],
              ['te', 'trailers'],
              ['x', ''],
            ],
            ...[
              ['host', 'a.test'],
              ['content-length', '5'],
              ['content-length', '0'],
              ['expect', '100-continue'],
            ],
          ),
        },
        {
          weight: 1,
          arbitrary: fc
            .tuple(
              fc.oneof(
                fc.constantFrom('x', 'host', 'cookie', 'content-length', 'te', 'expect', 'upgrade', ':path'),
                text,
              ),
              fc.oneof(fc.constantFrom('', 'y', '5', '0', 'a.test', 'trailers', '100-continue'), text),
            )
            .map((pair): string[] => pair),
        },
      ),
      { maxLength: 4 },
    ),
    fc.boolean(),
  )
  .map(([[method, scheme], path, authority, more, end]) => ({
    fields: [...[':method', method, ':scheme', scheme, ':path', path, ':authority', authority], ...more.flat()],
    end,
  }));
const tunnels = soup.map(({ fields, end }) => ({
  fields: [...(end ? connect : webSocket), ...fields.slice(8)],
  end: false,
}));

tap.test('what is taken is written to HTTP/1 and read there as the same request', async () => {
  let taken = 0;
  fc.assert(
    fc.property(soup, ({ fields, end }) => {
      const head = readRequest([...fields], end);
      if ('fault' in head || head.upgrade !== null) return;
      taken++;
      const text1 = writeRequestHead(head, 'keep-alive');
      const answer = decodeRequestHead(latin1(text1), 0, testHeadLimits);
      const other = done(answer);
      if (answer.kind === 'done') expect(answer.used).toEqual(text1.length);
      expect(other).toEqual({ ...head, version: '1.1' });
    }),
    { seed: 767, numRuns: numRuns() },
  );

  expect(taken).toBeGreaterThan(100);
});

tap.test('a method, path or authority is taken here if HTTP/1 takes it', async () => {
  let taken = 0;
  const part = fc.oneof(
    text,
    fc.stringMatching(/^[ -~]{0,8}$/),
    fc.constantFrom('a.test', 'GET', 'x:1', '[::1]', 'a?b'),
  );
  fc.assert(
    fc.property(fc.constantFrom(':method', ':path', ':authority'), part, (name, value) => {
      const given = name === ':path' ? `/${value}` : value;
      const [method, path, authority] = [
        name === ':method' ? given : 'GET',
        name === ':path' ? given : '/',
        name === ':authority' ? given : 'a.test',
      ];
      // White space around Host is none of its value in HTTP/1; CONNECT is another request here.
      if (given !== given.trim() || method === 'CONNECT') return;
      const there = decodeRequestHead(
        latin1(`${method} ${path} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`),
        0,
        testHeadLimits,
      );
      const here = faultOf(pseudo({ ':method': method, ':path': path, ':authority': authority })) === null;
      if (here) taken++;
      expect([name, given, here]).toEqual([name, given, there.kind === 'done']);
    }),
    { seed: 768, numRuns: numRuns() },
  );

  expect(taken).toBeGreaterThan(100);
});

tap.test('a request goes by way of a header block and stays the same', async () => {
  let taken = 0;
  fc.assert(
    fc.property(fc.array(fc.oneof(soup, tunnels), { minLength: 1, maxLength: 4 }), (all) => {
      const encoder = new HpackEncoder();
      const decoder = makeDecoder();
      for (const { fields, end } of all) {
        const head = readRequest([...fields], end);
        if ('fault' in head) continue;
        taken++;
        const list = decoder.decode(encoded(encoder, requestBlock(head, 'https'))) ?? [];
        // Content of no length is sent as the end of the request.
        expect(readRequest(list, head.contentLength === 0 && head.method !== 'CONNECT')).toEqual(head);
      }
    }),
    { seed: 769, numRuns: numRuns(400) },
  );

  expect(taken).toBeGreaterThan(100);
});

tap.test('any list is read or refused, and never throws', async () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(text, text), { maxLength: 8 }), fc.boolean(), (pairs, end) => {
      return typeof readRequest(pairs.flat(), end) === 'object';
    }),
    { seed: 770, numRuns: numRuns() },
  );
});

export default tap.start();
