// Answers of our own, as they are made.

import { errorAnswer } from '../../ts/http/error-answer.js';
import { fixedAnswer } from '../../ts/http/fixed-answer.js';
import { expect, tap } from '../helpers/tapbundle.js';

tap.test('an error says its status, or what is to be said, in plain text that no cache keeps', () => {
  const { head: plain, body } = errorAnswer(502);
  expect(body.toString()).toEqual('502 Bad Gateway\n');
  expect(plain.contentLength).toEqual(body.length);
  expect(plain.fields).toEqual([
    'Content-Type',
    'text/plain; charset=utf-8',
    'Cache-Control',
    'no-store',
    'X-Content-Type-Options',
    'nosniff',
  ]);
  expect(errorAnswer(403, 'nö').body.toString()).toEqual('nö\n');
  expect(errorAnswer(403).body.toString()).toEqual('403 Forbidden\n');
  expect(errorAnswer(599).body.toString()).toEqual('599\n');
});

tap.test('a long detail is cut, and the same plain answer is made once', () => {
  expect(errorAnswer(400, 'x'.repeat(10_000)).body.length < 1_000).toBeTrue();
  expect(errorAnswer(404)).toBe(errorAnswer(404));
});

tap.test('statuses without content have none', () => {
  for (const status of [204, 205, 304]) {
    const answer = fixedAnswer({ type: 'respond', status, headers: ['x', '1'], body: Buffer.from('no') });
    expect(answer.body.length).toEqual(0);
    expect(answer.head.contentLength).toEqual(status === 304 ? -1 : 0);
    expect(errorAnswer(status).body.length).toEqual(0);
  }
});

tap.test('a fixed answer keeps its fields but those that frame it, and is made once a route', () => {
  const action = {
    type: 'respond',
    status: 200,
    headers: ['x-a', '1', 'content-length', '99', 'connection', 'close'],
    body: Buffer.from('hello'),
  } as const;
  const answer = fixedAnswer(action);
  expect(answer.head).toEqual({ status: 200, reason: '', fields: ['x-a', '1'], contentLength: 5 });
  expect(fixedAnswer(action)).toBe(answer);
  expect(fixedAnswer({ type: 'block', status: 403, message: 'go away' }).body.toString()).toEqual('go away\n');
});

export default tap.start();
