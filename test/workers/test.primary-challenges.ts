// Challenges among workers: shown by all, and no longer than whoever ordered lives.

import { PrimaryChallenges, type TChallenge } from '../../ts/workers/primary-challenges.js';
import type { WorkerProcess } from '../../ts/workers/worker-process.js';
import { expect, tap } from '../helpers/tapbundle.js';

const challenge: TChallenge = { kind: 'http-01', challenge: { name: 'a.test', token: 't', keyAuthorization: 't.k' } };

function makeWorkers(count: number) {
  const told: string[] = [];
  const workers = Array.from({ length: count }, (_, at) => {
    const ask = async (topic: string) => void told.push(`${at} ${topic}`);
    return { wire: { ask } } as unknown as WorkerProcess;
  });
  return { told, workers: workers as [WorkerProcess, WorkerProcess, WorkerProcess] };
}

tap.test('others show what one has, and hide it; one that comes later shows it too', async () => {
  const { told, workers } = makeWorkers(3);
  const challenges = new PrimaryChallenges(() => workers.slice(0, 2));
  await challenges.show(workers[0], challenge);
  await challenges.showTo(workers[2]);
  expect(told).toEqual(['1 showChallenge', '2 showChallenge']);
  await challenges.hide(workers[0], challenge);
  expect([told[2], challenges.size]).toEqual(['1 hideChallenge', 0]);
  await challenges.showTo(workers[2]);
  expect(told.length).toEqual(3);
});

tap.test('what a worker showed that is gone, nobody shows any more', async () => {
  const { told, workers } = makeWorkers(2);
  const challenges = new PrimaryChallenges(() => workers);
  await challenges.show(workers[0], challenge);
  challenges.ended(workers[1]);
  expect(challenges.size).toEqual(1);
  challenges.ended(workers[0]);
  expect([challenges.size, told.at(-1)]).toEqual([0, '1 hideChallenge']);
});

export default tap.start();
