import { ProxyError } from '../../../ts/base/errors.js';
import { AcmeProblem, type IAcmeProblemFacts } from '../../../ts/certs/acme/acme-problem.js';
import {
  classify,
  IssuanceError,
  isBrief,
  nextAttemptAt,
  refusesReplaces,
  ValidationError,
} from '../../../ts/certs/manager/failure-policy.js';
import type { TFailureClass, TIssuanceState } from '../../../ts/certs/manager/manager-types.js';
import { expect, tap } from '../../helpers/tapbundle.js';

const problem = (type: string, more: Partial<IAcmeProblemFacts> = {}) =>
  new AcmeProblem({ type, detail: 'because', ...more });
const minuteMs = 60_000;

const table: readonly (readonly [TFailureClass, unknown, TIssuanceState?])[] = [
  ['transient', problem('network')],
  ['transient', problem('timeout')],
  ['transient', problem('malformedAnswer', { status: 200 })],
  ['transient', problem('serverInternal', { status: 500 })],
  ['transient', problem('unknown', { status: 502 })],
  ['transient', problem('unknown', { status: 503 })],
  ['transient', problem('badNonce', { status: 400 })],
  ['transient', new Error('a fault of ours')],
  ['transient', null],
  ['ca-limit', problem('rateLimited', { status: 429, retryAfterMs: 5 })],
  ['ca-limit', problem('unknown', { status: 429 })],
  ['ca-limit', problem('unknown', { status: 503, retryAfterMs: 5 })],
  ['validation', problem('unauthorized', { status: 403 })],
  ['validation', problem('dns')],
  ['validation', problem('connection')],
  ['validation', problem('caa', { status: 403 }), 'finalizing'],
  ['validation', problem('compound', { subproblems: [{ type: 'caa', detail: '', identifier: null }] }), 'finalizing'],
  ['validation', new ValidationError('a.test', problem('unauthorized'))],
  ['validation', new ValidationError('a.test', null)],
  ['transient', new ValidationError('a.test', problem('serverInternal'))],
  ['paused', problem('rateLimited', { status: 429, unpauseUrl: 'https://x' })],
  ['config', problem('rejectedIdentifier', { status: 400 })],
  ['config', problem('badCSR', { status: 400 })],
  ['config', problem('invalidProfile', { status: 400 })],
  ['config', problem('compound', { subproblems: [{ type: 'rejectedIdentifier', detail: '', identifier: null }] })],
  ['account', problem('accountDoesNotExist', { status: 400 })],
  ['account', problem('unauthorized', { status: 403 }), 'account'],
  ['store', new ProxyError('STORE_NOT_WRITABLE', 'full')],
  ['certificate', new IssuanceError('certificate', 'badCertificate', 'wrong key')],
];

tap.test('every failure has its class', () => {
  for (const [wanted, error, at = 'solving'] of table) {
    expect(`${error} ${at}: ${classify(error, at).class}`).toEqual(`${error} ${at}: ${wanted}`);
  }
});

tap.test('a limit concerns all orders where the issuer is busy, and one where it counts names', () => {
  const limit = (status: number, at: TIssuanceState) =>
    classify(problem('rateLimited', { status, retryAfterMs: 1 }), at).ofIssuer;
  expect(limit(503, 'ordered')).toEqual(true);
  expect(limit(429, 'solving')).toEqual(false);
});

tap.test('waits 1, 10 and 100 minutes, then a day; half an hour when little is left', () => {
  const life = { notBefore: 0, notAfter: 100 * 1440 * minuteMs };
  const waits = (of: TFailureClass, nowMs: number, has = true) =>
    [1, 2, 3, 4, 40].map((attempts) => {
      const at = nextAttemptAt({ class: of, retryAfterMs: null }, attempts, nowMs, has ? life : null, 0);
      return ((at ?? Number.NaN) - nowMs) / minuteMs;
    });
  expect(waits('transient', 0)).toEqual([1, 10, 100, 1440, 1440]);
  expect(waits('transient', 0, false)).toEqual([1, 10, 100, 1440, 1440]);
  expect(waits('validation', 0)).toEqual([1, 10, 100, 1440, 1440]);
  const late = 85 * 1440 * minuteMs;
  expect(waits('transient', late)).toEqual([1, 10, 30, 30, 30]);
  expect(waits('store', late)).toEqual([1, 10, 30, 30, 30]);
  // Issuers count these: insisting makes it worse.
  for (const costly of ['validation', 'certificate'] as const) {
    expect(waits(costly, late)).toEqual([1, 10, 100, 1440, 1440]);
  }
});

tap.test('a limit is waited out exactly, and what only people can mend is not tried again', () => {
  const next = (of: TFailureClass, retryAfterMs: number | null) =>
    nextAttemptAt({ class: of, retryAfterMs }, 1, 1_000, null, 0.9);
  expect(next('ca-limit', 123_456)).toEqual(124_456);
  expect(next('ca-limit', null)).toEqual(3_601_000);
  expect(next('config', null)).toEqual(null);
  expect(next('paused', 5)).toEqual(null);
  expect(next('transient', 10 * minuteMs)).toEqual(1_000 + 10 * minuteMs);
  // A broken server's word is no limit: it may not stand in the way of a renewal for a month.
  expect(next('transient', 30 * 1440 * minuteMs)).toEqual(1_000 + 1440 * minuteMs);
});

tap.test('tells what is worth another try within the call, and how `replaces` is refused', () => {
  expect(isBrief(problem('network'))).toEqual(true);
  expect(isBrief(problem('serverInternal', { status: 500 }))).toEqual(true);
  expect(isBrief(problem('unknown', { status: 503, retryAfterMs: 9 }))).toEqual(false);
  expect(isBrief(problem('dns', { status: 400 }))).toEqual(false);
  const refusals = [
    problem('alreadyReplaced'),
    problem('malformed'),
    problem('x', { status: 409 }),
    problem('x', { status: 403 }),
  ];
  expect(refusals.every(refusesReplaces)).toEqual(true);
  const others = [
    problem('rateLimited', { status: 429 }),
    problem('network'),
    new Error('x'),
    problem('x', { status: 403, unpauseUrl: 'u' }),
  ];
  expect(others.some(refusesReplaces)).toEqual(false);
});

export default tap.start();
