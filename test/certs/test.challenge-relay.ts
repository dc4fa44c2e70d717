// What one process answers an authority, all answer.

import { ChallengeAnswers } from '../../ts/certs/challenge-answers.js';
import {
  type IChallengeRelay,
  relayed,
  type TOwnSolvers,
  type TShownChallenge,
} from '../../ts/certs/challenge-relay.js';
import type { IChallengeToShow } from '../../ts/certs/manager/manager-types.js';
import { WorkerChallenges } from '../../ts/workers/worker-challenges.js';
import type { TToPrimaryWire } from '../../ts/workers/worker-parts.js';
import { expect, tap } from '../helpers/tapbundle.js';

const solversOf = (answers: ChallengeAnswers): TOwnSolvers => ({ 'http-01': answers.http, 'tls-alpn-01': answers.tls });
const { signal } = new AbortController();
const challenge = (kind: 'http-01' | 'tls-alpn-01', token = 'tok'): IChallengeToShow =>
  ({ kind, name: 'a.test', token, keyAuthorization: `${token}.key`, dnsValue: '' }) as IChallengeToShow;

/** Two workers, and a primary that only passes on. */
function makeTwo() {
  const answers = [new ChallengeAnswers(), new ChallengeAnswers()] as const;
  const relays: WorkerChallenges[] = [];
  const wireOf = (other: number) => {
    const ask = async (topic: string, data: { kind: 'http-01'; challenge: TShownChallenge }) => {
      const { kind, challenge: shown } = structuredClone(data);
      if (topic === 'showChallenge') await relays[other]?.showHere(kind, shown);
      else await relays[other]?.hideHere(kind, shown);
    };
    return { ask } as unknown as TToPrimaryWire;
  };
  relays.push(new WorkerChallenges(wireOf(1)), new WorkerChallenges(wireOf(0)));
  const solvers = answers.map((each, at) => relayed(solversOf(each), relays[at] as IChallengeRelay));
  return { answers, solvers: solvers as unknown as readonly [TOwnSolvers, TOwnSolvers] };
}

tap.test('a process alone shows for itself', () => {
  const local = solversOf(new ChallengeAnswers());
  expect(relayed(local, undefined)).toBe(local);
});

tap.test('HTTP: both know the answer once it is presented, and neither does once it is over', async () => {
  const { answers, solvers } = makeTwo();
  const shown = challenge('http-01');
  await solvers[0]['http-01'].present(shown, signal);
  expect(answers.map((each) => each.answerTo('tok'))).toEqual(['tok.key', 'tok.key']);
  await solvers[0]['http-01'].cleanup(shown);
  expect(answers.map((each) => each.pending)).toEqual([false, false]);
});

tap.test('TLS: both have a certificate for it; of two orders at a time each takes back its own', async () => {
  const { answers, solvers } = makeTwo();
  const [first, second] = [challenge('tls-alpn-01', 'one'), challenge('tls-alpn-01', 'two')];
  await solvers[0]['tls-alpn-01'].present(first, signal);
  await solvers[1]['tls-alpn-01'].present(second, signal);
  expect(answers.map((each) => each.contextFor('a.test') !== null)).toEqual([true, true]);
  await solvers[0]['tls-alpn-01'].cleanup(first);
  expect(answers.map((each) => each.contextFor('a.test') !== null)).toEqual([true, true]);
  await solvers[1]['tls-alpn-01'].cleanup(second);
  expect(answers.map((each) => each.pending)).toEqual([false, false]);
});

export default tap.start();
