import type { IncomingMessage } from 'node:http';
import { AdminError } from '../../ts/admin/admin-error.js';
import { FailedAttempts, maxFailures, windowMs } from '../../ts/admin/failed-attempts.js';
import { Gate } from '../../ts/admin/gate.js';
import { silentLogger } from '../../ts/base/logger.js';
import { comparisonsOf } from '../helpers/comparisons.js';
import { makeFakeClock } from '../helpers/fake-clock.js';
import { expect, tap } from '../helpers/tapbundle.js';

const token = 'the-token-0123456789';
const closed = { isPage: false, isOpen: false };

function makeGate({ token: wanted = null as string | null, hosts = [] as string[] } = {}) {
  const clock = makeFakeClock();
  const attempts = new FailedAttempts(clock);
  const lines: object[] = [];
  const logger = { ...silentLogger, warn: (fields: object) => void lines.push(fields) };
  const gate = new Gate({ token: wanted, hosts, attempts, logger, keyOf: (address) => address });
  const judge = (fields: Record<string, string>, { method = 'GET', from = '192.0.2.1', as = closed } = {}): string => {
    const headers = fields.host === 'none' ? {} : { host: '127.0.0.1:9190', ...fields };
    const request = { method, headers, socket: { remoteAddress: from } };
    try {
      gate.judge(request as unknown as IncomingMessage, as);
      return 'in';
    } catch (error) {
      if (!(error instanceof AdminError)) throw error;
      return `${error.status} ${error.code}`;
    }
  };
  return { judge, clock, attempts, lines };
}

tap.test('only addresses, localhost and names that are listed are a Host, however it is written', () => {
  const { judge } = makeGate({ hosts: ['proxy.internal'] });
  for (const host of [
    '127.0.0.1',
    '127.0.0.1:9190',
    '[::1]:9190',
    '10.0.0.1:80',
    'localhost',
    'LocalHost:1',
    'Proxy.Internal:9190',
  ]) {
    expect([host, judge({ host })]).toEqual([host, 'in']);
  }
  // As checks of health by HTTP/1.0 come.
  expect(judge({ host: 'none' })).toEqual('in');
  const others = [
    'evil.test',
    'evil.test:9190',
    'localhost.evil.test',
    '127.0.0.1.evil.test',
    'localhost.',
    '',
    '127.1:80',
  ];
  const odd = [
    '0x7f.1',
    '2130706433',
    '[::1',
    '::1',
    '127.0.0.1:9190@evil.test',
    'a b',
    '127.0.0.1:x',
    'xproxy.internal',
  ];
  for (const host of [...others, ...odd]) expect([host, judge({ host })]).toEqual([host, '421 HOST_UNKNOWN']);
  expect(judge({ host: 'evil.test' }, { as: { isPage: true, isOpen: false } })).toEqual('421 HOST_UNKNOWN');
  expect(judge({ host: 'evil.test' }, { as: { isPage: false, isOpen: true } })).toEqual('421 HOST_UNKNOWN');
});

tap.test('what comes from another page has no answer, whatever it asks for', () => {
  const { judge } = makeGate();
  const own: Record<string, string>[] = [
    { 'sec-fetch-site': 'same-origin' },
    { 'sec-fetch-site': 'none' },
    { origin: 'http://127.0.0.1:9190' },
    { host: 'localhost', origin: 'http://localhost' },
    { host: 'localhost:80', origin: 'http://localhost' },
    { host: '10.0.0.1', origin: 'https://10.0.0.1', 'sec-fetch-site': 'same-origin' },
  ];
  for (const fields of own) expect([fields, judge(fields)]).toEqual([fields, 'in']);
  const others: Record<string, string>[] = [
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { 'sec-fetch-site': '' },
    { origin: 'null' },
    { origin: '' },
    { origin: 'http://evil.test' },
    { origin: 'http://127.0.0.1:9191' },
    { origin: 'http://localhost:9190' },
    { origin: 'file://127.0.0.1:9190' },
    { origin: 'http://127.0.0.1:9190', 'sec-fetch-site': 'cross-site' },
  ];
  for (const fields of others) {
    for (const method of ['GET', 'POST', 'OPTIONS', 'DELETE']) {
      expect([fields, judge(fields, { method })]).toEqual([fields, '403 CROSS_SITE']);
    }
  }
  // A link from elsewhere may lead to the page, which asks for itself then.
  expect(judge({ 'sec-fetch-site': 'cross-site' }, { as: { isPage: true, isOpen: false } })).toEqual('in');
});

tap.test('what changes something has a type that no form can send', () => {
  const { judge } = makeGate();
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
    for (const type of [
      '',
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data',
      'application/jsonx',
    ]) {
      expect(judge({ 'content-type': type }, { method })).toEqual('415 TYPE_WRONG');
    }
    expect(judge({}, { method })).toEqual('415 TYPE_WRONG');
    expect(judge({ 'content-type': 'Application/JSON; charset=utf-8' }, { method })).toEqual('in');
  }
});

tap.test('the token is wanted for all but the page and health', () => {
  const { judge } = makeGate({ token });
  expect(judge({})).toEqual('401 TOKEN_NEEDED');
  expect(judge({ authorization: `Bearer ${token}` })).toEqual('in');
  expect(judge({ authorization: `bearer  ${token}` })).toEqual('in');
  expect(judge({}, { as: { isPage: true, isOpen: false } })).toEqual('in');
  expect(judge({}, { as: { isPage: false, isOpen: true } })).toEqual('in');
  for (const authorization of ['', token, `Basic ${token}`, 'Bearer ', `Bearer ${token} x`, `Bearer ${token}x`]) {
    expect(judge({ authorization }, { from: authorization })).toEqual('401 TOKEN_WRONG');
  }
});

tap.test('a token is compared by digests of one length, whatever was sent', () => {
  for (const [sent, passes] of [
    [token, true],
    [`${token.slice(0, -1)}x`, false],
    ['x', false],
    ['x'.repeat(8_000), false],
  ] as const) {
    const { judge } = makeGate({ token });
    let result = '';
    const pairs = comparisonsOf(() => {
      result = judge({ authorization: `Bearer ${sent}` });
    });
    expect([result, pairs]).toEqual([passes ? 'in' : '401 TOKEN_WRONG', [[32, 32]]]);
  }
});

tap.test('after some wrong tokens an address hears 429 for a while, and whoever has the right one is let in', () => {
  const { judge, clock, attempts, lines } = makeGate({ token });
  const wrong = { authorization: 'Bearer another-one' };
  const right = { authorization: `Bearer ${token}` };
  for (let n = 0; n < maxFailures; n++) expect(judge(wrong)).toEqual('401 TOKEN_WRONG');
  expect(judge(wrong)).toEqual('429 TOO_MANY_FAILURES');
  // A stranger behind the same address shuts nobody out.
  expect(judge(right)).toEqual('in');
  expect(judge(wrong)).toEqual('429 TOO_MANY_FAILURES');
  expect(judge({})).toEqual('401 TOKEN_NEEDED');
  // Others are not concerned, nor is what needs no token.
  expect(judge(right, { from: '192.0.2.2' })).toEqual('in');
  expect(judge({}, { as: { isPage: false, isOpen: true } })).toEqual('in');
  // Each counted one is logged, without what was sent; the others are not.
  expect([lines.length, attempts.total]).toEqual([maxFailures, maxFailures + 2]);
  expect(JSON.stringify(lines)).not.toContain('another-one');
  expect(lines[0]).toEqual({ client: '192.0.2.1', method: 'GET' });
  clock.advance(windowMs);
  expect(judge(wrong)).toEqual('401 TOKEN_WRONG');
});

tap.test('a request without a token is no attempt', () => {
  const { judge, attempts } = makeGate({ token });
  for (let n = 0; n < 3 * maxFailures; n++) expect(judge({})).toEqual('401 TOKEN_NEEDED');
  expect(attempts.total).toEqual(0);
});

export default tap.start();
