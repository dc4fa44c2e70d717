import { FailedAttempts, maxAddresses, maxFailures, windowMs } from '../../ts/admin/failed-attempts.js';
import { makeFakeClock } from '../helpers/fake-clock.js';
import { expect, tap } from '../helpers/tapbundle.js';

function make() {
  const clock = makeFakeClock();
  const attempts = new FailedAttempts(clock);
  const fail = (address: string, times = maxFailures) => {
    for (let n = 0; n < times; n++) attempts.failed(address);
  };
  return { clock, attempts, fail };
}

tap.test('the window begins with the first failure and ends by itself', () => {
  const { clock, attempts, fail } = make();
  fail('a', 1);
  clock.advance(windowMs - 1);
  fail('a', maxFailures - 1);
  expect(attempts.waitMs('a')).toEqual(1);
  clock.advance(1);
  expect(attempts.waitMs('a')).toEqual(0);
  fail('a', 1);
  expect(attempts.waitMs('a')).toEqual(0);
});

tap.test('a crowd of addresses is one beyond the limit, and does not let those go that are known', () => {
  const { clock, attempts, fail } = make();
  fail('known');
  for (let n = 1; n < maxAddresses; n++) fail(`a${n}`, 1);
  fail('late', maxFailures - 1);
  expect(attempts.waitMs('later')).toEqual(0);
  fail('later', 1);
  expect(attempts.waitMs('latest')).toEqual(windowMs);
  expect(attempts.waitMs('known')).toEqual(windowMs);
  expect(attempts.waitMs('a1')).toEqual(0);
  clock.advance(windowMs);
  for (const address of ['known', 'late', 'latest']) expect(attempts.waitMs(address)).toEqual(0);
  fail('latest');
  expect([attempts.waitMs('latest'), attempts.waitMs('other')]).toEqual([windowMs, 0]);
  expect(attempts.total).toEqual(maxFailures + maxAddresses - 1 + maxFailures + maxFailures);
});

export default tap.start();
