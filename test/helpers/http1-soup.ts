// Generated messages of HTTP/1, from right ones to nearly right ones: parts that parsers disagree about, and a few octets changed.

import fc from 'fast-check';

const often = <T>(usual: readonly T[], odd: readonly T[], weight = 8): fc.Arbitrary<T> =>
  fc.oneof({ weight, arbitrary: fc.constantFrom(...usual) }, { weight: 1, arbitrary: fc.constantFrom(...odd) });

const method = often(
  ['GET', 'POST', 'PUT', 'HEAD', 'DELETE', 'OPTIONS', 'PATCH'],
  ['QUERY', 'PURGE', 'M-SEARCH', 'CONNECT', 'get', 'X', 'PRI', 'SOURCE', '', 'GE T', 'TRACE'],
);
const target = often(
  ['/', '/a', '/a/b?c=d', '/%7e/%2f', '/a"b<c>|{}`^', 'http://a.test/x', 'http://a.test', '/?'],
  [
    '*',
    '//x',
    '/\\',
    '/#',
    'a.test:80',
    '/a b',
    'https://a.test?x',
    '/\xe9',
    '/\t',
    '?',
    'ftp://x/',
    '/[',
    "/a'(),;=@",
  ],
);
const version = often(
  ['HTTP/1.1'],
  ['HTTP/1.0', 'HTTP/1.2', 'HTTP/2.0', 'http/1.1', 'HTTP/1.1 ', 'HTTP/1', 'ICE/1.0'],
  12,
);
const lineEnd = often(['\r\n'], ['\n', '\r', '\r\r\n', '\r\n '], 60);

const fieldLine = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.constantFrom(
      'X: y',
      'X:y',
      'X:  y \t',
      'X:',
      'Accept: */*',
      'X: \x80\xff',
      'X: a\tb',
      'Cookie: a=b; c=d',
      'Connection: keep-alive',
      'Connection: close',
      'Connection: Upgrade',
      'Connection: a, b,,Upgrade , close',
      'Upgrade: h2c',
      'Upgrade: websocket',
      'Expect: 100-continue',
      'Proxy-Connection: keep-alive',
      'Keep-Alive: timeout=5',
      'TE: trailers',
      'Trailer: X',
      'Content_Length: 3',
      "!#$%&'*+-.^_`|~: y",
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      'X : y',
      ' X: y',
      ': y',
      'X',
      'X: a\x00',
      'X: \x7f',
      'X Y: z',
      'X\xe9: y',
      'Host: b.test',
      'Host: a b',
      'Content-Length: 3',
      'Content-Length: 3',
      'Content-Length: +3',
      'Content-Length: 3, 3',
      'Content-Length:',
      'Transfer-Encoding: chunked',
      'Transfer-Encoding: gzip, chunked',
      'Transfer-Encoding: identity',
      'Transfer-Encoding: chunked, chunked',
      'Transfer-Encoding : chunked',
      'Content-Length : 3',
    ),
  },
);

const size = often(
  ['5', '05', '0005', '5;a', '5;a=b', '5;a="b;c"'],
  ['5 ', ' 5', '0x5', '5; a', '+5', '4', '6', '5;', '', '5;a="'],
);
const chunk = fc.tuple(size, lineEnd, lineEnd).map(([digits, first, last]) => `${digits}${first}hello${last}`);
const trailer = often(
  ['X: y', 'X:', 'Cookie: a', 'Digest: \xff'],
  ['Content-Length: 3', 'X', ' X: y', 'Host: b', 'X\x00: y'],
);
const chunks = fc
  .tuple(
    fc.array(chunk, { maxLength: 3 }),
    often(['0', '000', '0;a=b'], ['', '0 ', '1']),
    lineEnd,
    fc.array(trailer, { maxLength: 1 }),
    lineEnd,
  )
  .map(
    ([pieces, zero, end, lines, last]) =>
      `${pieces.join('')}${zero}${end}${lines.map((line) => `${line}\r\n`).join('')}${last}`,
  );

/** Field lines that frame, and content that fits them. */
const framed: fc.Arbitrary<readonly [string[], string]> = fc.oneof(
  { weight: 3, arbitrary: fc.constant<[string[], string]>([[], '']) },
  {
    weight: 3,
    arbitrary: fc.constantFrom<[string[], string]>(
      [['Content-Length: 5'], 'hello'],
      [['Content-Length: 0'], ''],
      [['content-length:005 '], 'hello'],
    ),
  },
  {
    weight: 4,
    arbitrary: fc
      .tuple(
        often(['Transfer-Encoding: chunked', 'transfer-encoding:Chunked\t'], ['Transfer-Encoding: xchunked']),
        chunks,
      )
      .map(([line, text]): [string[], string] => [[line], text]),
  },
);

const mutation = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  how: fc.constantFrom('insert', 'replace', 'remove', 'repeat'),
  octet: fc.oneof(
    fc.constantFrom(
      '\r',
      '\n',
      '\r\n',
      ' ',
      '\t',
      ':',
      ',',
      ';',
      '\0',
      '\x7f',
      '\x80',
      '0',
      '"',
      '\x0b',
      '_',
      '/',
      '#',
    ),
    fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
  ),
});

type TMutation = typeof mutation extends fc.Arbitrary<infer T> ? T : never;

function mutate(text: string, { at, how, octet }: TMutation): string {
  const place = Math.floor(at * text.length);
  if (how === 'insert') return text.slice(0, place) + octet + text.slice(place);
  if (how === 'repeat') return text.slice(0, place + 1) + text.slice(place);
  return text.slice(0, place) + (how === 'replace' ? octet : '') + text.slice(place + 1);
}

const mutated = (text: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc
    .tuple(
      text,
      fc.oneof(
        { weight: 3, arbitrary: fc.constant([]) },
        { weight: 1, arbitrary: fc.array(mutation, { maxLength: 2 }) },
      ),
    )
    .map(([whole, changes]) => changes.reduce(mutate, whole));

const headText = (first: string, end: string, lines: readonly string[], ends: readonly string[]): string =>
  `${first}${end}${lines.map((line, at) => `${line}${ends[at] ?? '\r\n'}`).join('')}\r\n`;

const fields = fc.array(fieldLine, { maxLength: 5 });
const ends = fc.array(lineEnd, { maxLength: 7 });

const request = fc
  .tuple(
    method,
    target,
    version,
    lineEnd,
    often([['Host: a.test']], [[], ['Host: a.test', 'Host: a.test']], 20),
    fields,
    framed,
    ends,
  )
  .map(([word, place, said, end, host, lines, [frame, content], lineEnds]) => {
    return `${headText(`${word} ${place} ${said}`, end, [...host, ...lines, ...frame], lineEnds)}${content}`;
  });

/** One to three requests, one behind the other. */
export const requestSoup: fc.Arbitrary<string> = mutated(
  fc.array(request, { minLength: 1, maxLength: 3 }).map((texts) => texts.join('')),
);

const statusLine = often(
  [
    'HTTP/1.1 200 OK',
    'HTTP/1.1 200',
    'HTTP/1.1 200 ',
    'HTTP/1.1 404 Not \xe9',
    'HTTP/1.0 200 OK',
    'HTTP/1.1 304 Not Modified',
    'HTTP/1.1 204 No',
  ],
  [
    'HTTP/1.1 100 C',
    'HTTP/1.1 103 E',
    'HTTP/1.1 101 S',
    'HTTP/1.1 600 X',
    'HTTP/1.1 99 X',
    'HTTP/1.1 2000 X',
    'HTTP/1.1  200',
    'HTTP/1.2 200 OK',
    'ICY 200 OK',
  ],
  12,
);

const response = fc
  .tuple(statusLine, lineEnd, fields, framed, ends)
  .map(
    ([first, end, lines, [frame, content], lineEnds]) =>
      `${headText(first, end, [...lines, ...frame], lineEnds)}${content}`,
  );

/** One or two responses. */
export const responseSoup: fc.Arbitrary<string> = mutated(
  fc.array(response, { minLength: 1, maxLength: 2 }).map((texts) => texts.join('')),
);
