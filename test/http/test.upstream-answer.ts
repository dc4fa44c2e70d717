import fc from 'fast-check';
import { type TAnswerVerdict, UpstreamAnswer } from '../../ts/http/upstream-answer.js';
import { expect, numRuns, tap } from '../helpers/tapbundle.js';
import { Heard } from '../helpers/upstream-world.js';

const limits = { maxBytes: 16_384, maxFields: 100 };

interface ISummary {
  readonly verdict: TAnswerVerdict;
  readonly told: string;
  readonly status: number;
  readonly body: string;
  readonly trailers: string;
  readonly keepAlive: boolean;
}

/** What is heard of an answer that comes in these pieces. */
function read(pieces: readonly Buffer[], method = 'GET'): ISummary {
  const heard = new Heard();
  const answer = new UpstreamAnswer(limits);
  answer.begin(method, null, heard, false);
  let verdict: TAnswerVerdict = 'more';
  for (const piece of pieces) {
    if (verdict === 'more') verdict = answer.read(piece, true);
  }
  const told = heard.calls.filter((call) => call !== 'data').join(' ');
  const { status, body } = heard;
  const trailers = JSON.stringify(answer.trailers);
  return { verdict, told, status, body, trailers, keepAlive: answer.keepAlive };
}

function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const stops = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...stops]
    .map((from, at) => bytes.subarray(from, stops[at] ?? bytes.length))
    .filter(({ length }) => length > 0);
}

const content = fc.string({ maxLength: 300 }).map((text) => Buffer.from(text).toString('latin1'));
const interim = fc.constantFrom('', 'HTTP/1.1 100 Continue\r\n\r\n', 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n');

const chunksOf = (parts: readonly string[]): string =>
  parts.map((part) => (part === '' ? '' : `${part.length.toString(16)};ext=1\r\n${part}\r\n`)).join('');

const answers = fc.oneof(
  content.map((body) => ({ text: `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\nX: y\r\n\r\n${body}`, body })),
  fc.array(content, { maxLength: 5 }).map((parts) => ({
    text: `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunksOf(parts)}0\r\nX-Sum: 1\r\n\r\n`,
    body: parts.join(''),
  })),
  fc
    .constantFrom('204 No Content', '304 Not Modified')
    .map((line) => ({ text: `HTTP/1.1 ${line}\r\nX: y\r\n\r\n`, body: '' })),
);

tap.test('an answer reads the same, however it is cut', () => {
  fc.assert(
    fc.property(interim, answers, fc.array(fc.nat(), { maxLength: 12 }), (before, { text, body }, places) => {
      const bytes = Buffer.from(before + text, 'latin1');
      const whole = read([bytes]);
      expect(whole.verdict).toEqual('complete');
      expect(whole.body).toEqual(body);
      expect(read(cut(bytes, places))).toEqual(whole);
    }),
    { seed: 886, numRuns: numRuns() },
  );
});

tap.test('an answer reads the same byte by byte, and says `complete` with its last byte only', () => {
  const texts = [
    'HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n',
    'HTTP/1.1 204 No Content\r\nX: y\r\n\r\n',
  ];
  for (const text of texts) {
    const bytes = Buffer.from(text, 'latin1');
    const letters = Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));
    expect(read(letters)).toEqual(read([bytes]));
    expect(read(letters).verdict).toEqual('complete');
    expect(read(letters.slice(0, -1)).verdict).toEqual('more');
  }
});

tap.test('whatever comes, it throws nothing and tells no more than one head', () => {
  const odd = fc.array(
    fc.constantFrom(
      ...[
        'HTTP/1.1 ',
        '200',
        ' OK',
        '\r\n',
        '\n',
        '\r',
        'Content-Length: ',
        'Transfer-Encoding: chunked',
        '5',
        '0',
        'a',
        ' ',
      ],
      ...[
        '\0',
        ':',
        '101',
        '100',
        '204',
        'Connection: close',
        '\r\n\r\n',
        'ffffffffffffffff',
        ';',
        'Upgrade: websocket',
      ],
    ),
    { maxLength: 40 },
  );
  fc.assert(
    fc.property(
      odd,
      fc.array(fc.nat(), { maxLength: 8 }),
      fc.constantFrom('GET', 'HEAD', 'CONNECT'),
      (parts, places, method) => {
        const bytes = Buffer.from(parts.join(''), 'latin1');
        const { told } = read(cut(bytes, places), method);
        expect(told.split(' ').filter((call) => call === 'head').length <= 1).toEqual(true);
      },
    ),
    { seed: 886, numRuns: numRuns() },
  );
});

tap.test('who stops in the middle of a chunked answer hears no more of it', () => {
  const heard = new Heard();
  const answer = new UpstreamAnswer(limits);
  heard.on = (call) => call === 'data' && answer.stop();
  answer.begin('GET', null, heard, false);
  const text = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n';
  expect(answer.read(Buffer.from(text), true)).toEqual('stopped');
  expect(heard.calls).toEqual(['head', 'data']);
  expect(answer.read(Buffer.from(text), true)).toEqual('stopped');
});

export default tap.start();
