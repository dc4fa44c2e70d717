// The CORS protocol of the Fetch standard.

import type { IRequestHead } from '../../ts/codec/http-message.js';
import type { IResolvedCors } from '../../ts/config/resolved.js';
import { addVary, corsFields, preflightAnswer } from '../../ts/http/cors.js';
import { expect, tap } from '../helpers/tapbundle.js';

const rule = (changes: Partial<IResolvedCors> = {}): IResolvedCors => ({
  origins: ['https://a.test', 'https://b.test'],
  methods: ['GET', 'POST'],
  headers: null,
  exposed: [],
  credentials: false,
  maxAgeSeconds: 600,
  ...changes,
});

const head = (method: string, fields: string[]): IRequestHead => ({
  version: '1.1',
  method,
  target: '/',
  authority: 'api.test',
  host: 'api.test',
  fields,
  contentLength: 0,
  expectsContinue: false,
  upgrade: null,
  close: false,
});

const asks = (origin: string, ...more: string[]) =>
  head('OPTIONS', ['Origin', origin, 'Access-Control-Request-Method', 'PUT', ...more]);

const vary = ['Vary', 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers'];

tap.test('a preflight of an allowed origin is told what is allowed', () => {
  const answer = preflightAnswer(asks('https://b.test', 'Access-Control-Request-Headers', 'x-a, x-b'), rule());
  expect(answer).toEqual({
    status: 204,
    reason: '',
    contentLength: 0,
    fields: [
      ...vary,
      'Access-Control-Allow-Origin',
      'https://b.test',
      'Access-Control-Allow-Methods',
      'GET, POST',
      'Access-Control-Allow-Headers',
      'x-a, x-b',
      'Access-Control-Max-Age',
      '600',
    ],
  });
});

tap.test('a preflight of another origin is told nothing', () => {
  for (const origin of ['https://c.test', 'null', 'https://a.test.evil.test', 'http://a.test', 'HTTPS://A.TEST', '']) {
    expect(preflightAnswer(asks(origin), rule())?.fields).toEqual(vary);
  }
});

tap.test('what is no preflight goes on', () => {
  expect(preflightAnswer(head('OPTIONS', ['Origin', 'https://a.test']), rule())).toEqual(null);
  expect(preflightAnswer(head('OPTIONS', ['Access-Control-Request-Method', 'PUT']), rule())).toEqual(null);
  expect(preflightAnswer({ ...asks('https://a.test'), method: 'GET' }, rule())).toEqual(null);
});

tap.test('fixed headers and credentials are stated, and only names are echoed', () => {
  const fixed =
    preflightAnswer(asks('https://a.test'), rule({ headers: ['x-one', 'x-two'], credentials: true }))?.fields ?? [];
  expect(fixed.slice(-6)).toEqual([
    'Access-Control-Allow-Headers',
    'x-one, x-two',
    'Access-Control-Allow-Credentials',
    'true',
    'Access-Control-Max-Age',
    '600',
  ]);
  const echoed = preflightAnswer(asks('https://a.test', 'Access-Control-Request-Headers', 'x-a, b c, <d>,, e'), rule());
  expect(echoed?.fields[echoed.fields.indexOf('Access-Control-Allow-Headers') + 1]).toEqual('x-a, e');
});

const decorated = (out: string[], request: string[], cors: IResolvedCors): string[] => {
  corsFields(out, request, cors);
  return out;
};

tap.test("an answer's CORS fields are ours, not the target's", () => {
  const said = [
    'Access-Control-Allow-Origin',
    '*',
    'access-control-allow-credentials',
    'true',
    'Access-Control-Expose-Headers',
    'x',
    'X',
    '1',
  ];
  expect(decorated([...said], ['Origin', 'https://a.test'], rule({ exposed: ['x-id'] }))).toEqual([
    'X',
    '1',
    'Vary',
    'Origin',
    'Access-Control-Allow-Origin',
    'https://a.test',
    'Access-Control-Expose-Headers',
    'x-id',
  ]);
  expect(decorated([...said], ['Origin', 'https://c.test'], rule())).toEqual(['X', '1', 'Vary', 'Origin']);
  expect(decorated([...said], [], rule())).toEqual(['X', '1', 'Vary', 'Origin']);
});

tap.test('any origin is told the star, with or without Origin, and nothing varies', () => {
  for (const request of [[], ['Origin', 'https://c.test']]) {
    expect(decorated([], request, rule({ origins: null }))).toEqual(['Access-Control-Allow-Origin', '*']);
  }
});

tap.test('credentials are allowed to the origins that are named', () => {
  expect(decorated([], ['Origin', 'https://a.test'], rule({ credentials: true }))).toEqual([
    'Vary',
    'Origin',
    'Access-Control-Allow-Origin',
    'https://a.test',
    'Access-Control-Allow-Credentials',
    'true',
  ]);
});

tap.test('Vary is not said twice', () => {
  const cases: [string[], string[]][] = [
    [
      ['Vary', 'Accept, origin'],
      ['Vary', 'Accept, origin'],
    ],
    [
      ['Vary', '*'],
      ['Vary', '*'],
    ],
    [
      ['vary', 'Accept'],
      ['vary', 'Accept', 'Vary', 'Origin'],
    ],
    [
      ['Vary', 'Origin-Agent'],
      ['Vary', 'Origin-Agent', 'Vary', 'Origin'],
    ],
  ];
  for (const [before, after] of cases) {
    addVary(before, 'Origin');
    expect(before).toEqual(after);
  }
});

export default tap.start();
