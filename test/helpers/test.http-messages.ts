import { answerFraming, fieldOf, type IHttpMessage, MessageReader, requestFraming } from './http-messages.js';
import { expect, tap } from './tapbundle.js';

const summary = ({ startLine, body, framing, trailers, isComplete }: IHttpMessage) =>
  [startLine, body.toString(), framing, trailers.join('='), isComplete] as const;

const requests =
  'GET /a HTTP/1.1\r\nHost: a.test\r\n\r\n' +
  'POST /b HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello' +
  'POST /c HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 5\r\n\r\n';

tap.test('requests are split the same way wherever the bytes are cut', () => {
  for (let cut = 0; cut <= requests.length; cut++) {
    const reader = new MessageReader(() => requestFraming);
    reader.feed(Buffer.from(requests.slice(0, cut)));
    reader.feed(Buffer.from(requests.slice(cut)));
    expect(reader.messages.map(summary)).toEqual([
      ['GET /a HTTP/1.1', '', 'none', '', true],
      ['POST /b HTTP/1.1', 'hello', 'length', '', true],
      ['POST /c HTTP/1.1', 'abcde', 'chunked', 'X-Sum=5', true],
    ]);
    expect(reader.isIdle).toBeTrue();
    expect(Buffer.concat(reader.messages.map(({ raw }) => raw)).toString()).toEqual(requests);
  }
});

tap.test('an answer to HEAD, an interim one and 304 have no content whatever they say', () => {
  const reader = new MessageReader((index) => answerFraming(index === 0 ? 'HEAD' : 'GET'));
  const bare = 'Content-Length: 9\r\n\r\n';
  const text = `HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n${bare}HTTP/1.1 304 Not Modified\r\n${bare}HTTP/1.1 200 OK\r\n\r\nrest`;
  reader.feed(Buffer.from(text));
  expect(reader.messages.map(({ body }) => body.toString())).toEqual(['', '', '', 'rest']);
  expect(reader.messages.at(-1)?.isComplete).toBeFalse();
  reader.finish();
  expect(reader.messages.at(-1)?.isComplete).toBeTrue();
});

tap.test('what is open to doubt is a fault', () => {
  for (const bytes of [
    'GET /a HTTP/1.1\nHost: a\r\n\r\n',
    'GET  /a HTTP/1.1\r\n\r\n',
    'GET /a HTTP/1.1\r\nHost : a\r\n\r\n',
    'GET /a HTTP/1.1\r\nA: b\r\n c\r\n\r\n',
    'POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
    'POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n',
    'POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n',
    'POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc',
    'POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n',
  ]) {
    const reader = new MessageReader(() => requestFraming);
    expect(() => reader.feed(Buffer.from(bytes))).toThrow();
  }
});

tap.test('a field is found by its name in any case, all its values joined', () => {
  expect(fieldOf(['A', '1', 'b', '2', 'a', '3'], 'a')).toEqual('1, 3');
  expect(fieldOf(['A', '1'], 'b')).toEqual(null);
});

export default tap.start();
