// The fields of answers: what is dropped, what is added, in which order.

import type { IResolvedHeaders } from '../../ts/config/resolved.js';
import { HttpDate } from '../../ts/http/http-date.js';
import { responseFields, routeFields } from '../../ts/http/response-fields.js';
import { makeFakeClock } from '../helpers/fake-clock.js';
import { expect, tap } from '../helpers/tapbundle.js';

const values = { get: (name: string) => `<${name}>` };
const headers = (changes: Partial<IResolvedHeaders>): IResolvedHeaders => ({
  request: [],
  response: [],
  cors: null,
  hsts: null,
  ...changes,
});

tap.test('what concerns the connection to the target stays there', () => {
  const fields = [
    'Server',
    'x',
    'Connection',
    'X-Own, close',
    'Keep-Alive',
    'timeout=5',
    'x-own',
    '1',
    'Set-Cookie',
    'a=1',
    'Set-Cookie',
    'b=2',
    'Transfer-Encoding',
    'chunked',
    'Upgrade',
    'h2',
    'Content-Length',
    '7',
    'x_app',
    'kept',
  ];
  expect(responseFields(fields, null)).toEqual([
    'Server',
    'x',
    'Set-Cookie',
    'a=1',
    'Set-Cookie',
    'b=2',
    'x_app',
    'kept',
  ]);
});

tap.test('Connection of a target cannot remove cookies or rules of security', () => {
  const fields = ['Set-Cookie', 'a=1', 'Strict-Transport-Security', 'max-age=1', 'Content-Security-Policy', 'x'];
  const named = ['Connection', 'set-cookie, strict-transport-security, content-security-policy'];
  expect(responseFields([...named, ...fields], null)).toEqual(fields);
});

tap.test('an answer without Date gets one, another keeps its own', () => {
  const clock = makeFakeClock(Date.UTC(1994, 10, 6, 8, 49, 37, 900));
  const date = new HttpDate(clock);
  expect(responseFields(['A', '1'], date)).toEqual(['A', '1', 'Date', 'Sun, 06 Nov 1994 08:49:37 GMT']);
  expect(responseFields(['date', 'then'], date)).toEqual(['date', 'then']);
  clock.advance(100);
  expect(date.now()).toEqual('Sun, 06 Nov 1994 08:49:38 GMT');
});

tap.test('HSTS is said over TLS only, and once', () => {
  const given = headers({ hsts: 'max-age=300' });
  expect(routeFields([], given, [], true, values)).toEqual(['strict-transport-security', 'max-age=300']);
  expect(routeFields(['Strict-Transport-Security', 'max-age=1'], given, [], true, values)).toEqual([
    'strict-transport-security',
    'max-age=300',
  ]);
  expect(routeFields([], given, [], false, values)).toEqual([]);
});

tap.test('rules have the last word over CORS and HSTS', () => {
  const cors = { origins: null, methods: ['GET'], headers: null, exposed: [], credentials: false, maxAgeSeconds: 600 };
  const response = [
    { name: 'access-control-allow-origin', template: null },
    { name: 'strict-transport-security', template: ['max-age=1'] },
    { name: 'x-by', template: ['', 'requestId', ''] },
  ];
  const out = routeFields(
    ['Server', 'x'],
    headers({ cors, hsts: 'max-age=300', response }),
    ['Origin', 'https://b.test'],
    true,
    values,
  );
  expect(out).toEqual(['Server', 'x', 'strict-transport-security', 'max-age=1', 'x-by', '<requestId>']);
});

tap.test('the answer to a preflight keeps what it allows', () => {
  const cors = { origins: null, methods: ['PUT'], headers: null, exposed: [], credentials: false, maxAgeSeconds: 600 };
  const request = ['Origin', 'https://b.test', 'Access-Control-Request-Method', 'PUT'];
  const said = [
    'Access-Control-Allow-Origin',
    '*',
    'Access-Control-Allow-Methods',
    'PUT',
    'Access-Control-Max-Age',
    '600',
  ];
  const asked = (method: string) => ({ get: (name: string) => (name === 'method' ? method : '') });
  expect(routeFields([...said], headers({ cors }), request, true, asked('OPTIONS'))).toEqual(said);
  expect(routeFields([...said], headers({ cors }), request, true, asked('GET'))).toEqual(said.slice(0, 2));
});

export default tap.start();
