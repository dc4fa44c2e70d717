import type { IncomingHttpHeaders } from 'node:http';
import { problemIn, problemOf } from '../../../ts/certs/acme/read-problem.js';
import { expect, tap } from '../../helpers/tapbundle.js';

const answered = (status: number, body: unknown, headers: IncomingHttpHeaders = {}) => {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return problemOf({ url: 'https://ca.test/o', status, headers, body: Buffer.from(text) }, 0);
};

tap.test('a problem document keeps its type, its sentence, its status and its wait', () => {
  const headers = { 'retry-after': '7', link: '<https://ca.test/docs>;rel="help"' };
  const problem = answered(429, { type: 'urn:ietf:params:acme:error:rateLimited', detail: 'too many' }, headers);
  expect(problem.message).toEqual('rateLimited: too many');
  const { type, detail, status, retryAfterMs, links, unpauseUrl } = problem;
  expect({ type, detail, status, retryAfterMs, links, unpauseUrl }).toEqual({
    type: 'rateLimited',
    detail: 'too many',
    status: 429,
    retryAfterMs: 7000,
    links: ['https://ca.test/docs'],
    unpauseUrl: null,
  });
});

tap.test('subproblems keep whom they are about, up to a hundred', () => {
  const subproblem = {
    type: 'urn:ietf:params:acme:error:caa',
    detail: 'forbids it',
    identifier: { type: 'dns', value: 'a.test' },
  };
  const document = { type: 'urn:ietf:params:acme:error:compound', subproblems: [subproblem, { type: 'x' }, null] };
  expect(answered(403, document).subproblems).toEqual([
    { type: 'caa', detail: 'forbids it', identifier: { type: 'dns', value: 'a.test' } },
    { type: 'unknown', detail: '', identifier: null },
    { type: 'unknown', detail: '', identifier: null },
  ]);
  expect(answered(403, { subproblems: Array(1000).fill(subproblem) }).subproblems.length).toEqual(100);
});

tap.test('the page that lifts a pause is found in the sentence', () => {
  const page = `https://portal.test/sfe/v1/unpause?jwt=${'a'.repeat(1500)}`;
  const problem = answered(429, {
    type: 'urn:ietf:params:acme:error:rateLimited',
    detail: `Your account is paused. Please visit ${page} to unpause.`,
  });
  expect(problem.unpauseUrl).toEqual(page);
  expect(problem.detail.length).toEqual(1000);
});

tap.test('an answer that is no problem document says its status', () => {
  expect(answered(502, '<html>Bad Gateway</html>').message).toEqual('unknown: the server answered 502');
  expect(answered(301, '', { location: 'https://b.test/' }).message).toEqual(
    'unknown: the server answered 301 to https://b.test/',
  );
  for (const body of ['null', '[]', '7', '{"type":7,"detail":{}}', '{"type":"about:blank"}']) {
    expect(answered(500, body).type).toEqual('unknown');
  }
});

tap.test('a title stands in for a missing sentence', () => {
  expect(problemIn({ title: 'No' })?.detail).toEqual('No');
});

tap.test('no control character of a server gets into a log', () => {
  expect(answered(400, { detail: 'a\r\nb\u001b[31m\u0085\u2028c' }).detail).toEqual('a b [31m c');
});

tap.test('a problem inside of a challenge is one, and nothing is none', () => {
  const problem = problemIn({ type: 'urn:ietf:params:acme:error:dns', detail: 'no answer', status: 400 });
  expect(`${problem?.message} ${problem?.status}`).toEqual('dns: no answer 400');
  expect(problemIn(undefined)).toBeNull();
  expect(problemIn(null)).toBeNull();
  expect(problemIn('dns')).toBeNull();
});

tap.test('a sentence made to be searched for long is not', () => {
  const { unpauseUrl, detail } = answered(403, { detail: `${'https://'.repeat(130_000)}a/unpause` });
  expect(unpauseUrl).toEqual(null);
  expect(detail.length).toEqual(1000);
});

export default tap.start();
