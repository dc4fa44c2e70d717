import { attemptConnection } from '../../ts/base/connection-attempt.js';
import type { IFactoryContext } from '../../ts/base/connection-pool-options.js';
import { makeFakeClock, settle } from '../helpers/fake-clock.js';
import { expect, tap } from '../helpers/tapbundle.js';

function begin(factory: (context: IFactoryContext) => Promise<string> | string) {
  const clock = makeFakeClock();
  const told: unknown[] = [];
  const cancel = attemptConnection<string>({
    factory,
    lost: () => told.push('lost'),
    clock,
    limitMs: 100,
    made: (connection) => told.push(`made ${connection}`),
    failed: (error) => told.push(`failed ${(error as Error).message}`),
    late: (connection) => told.push(`late ${connection}`),
  });
  return { clock, told, cancel };
}

function makeFactory() {
  const made: { context?: IFactoryContext; succeed: (value: string) => void; fail: (error: unknown) => void } = {
    succeed: () => {},
    fail: () => {},
  };
  const factory = (context: IFactoryContext) =>
    new Promise<string>((resolve, reject) => Object.assign(made, { context, succeed: resolve, fail: reject }));
  return { made, factory };
}

tap.test('success and failure are told once, after the beginning has returned', async () => {
  const good = begin(() => 'x');
  const bad = begin(() => {
    throw new Error('no');
  });
  expect([good.told, bad.told]).toEqual([[], []]);
  await settle();
  good.clock.advance(1000);
  good.cancel('late');
  expect([good.told, bad.told]).toEqual([['made x'], ['failed no']]);
  expect([good.clock.pending, bad.clock.pending]).toEqual([0, 0]);
});

tap.test('the limit fails the attempt and aborts its signal; what comes then is late', async () => {
  const { made, factory } = makeFactory();
  const { clock, told } = begin(factory);
  clock.advance(100);
  expect(told).toEqual(['failed no connection was made within 100 ms']);
  expect(made.context?.signal.aborted).toBeTrue();
  made.succeed('x');
  await settle();
  expect(told.slice(1)).toEqual(['late x']);
});

tap.test('a cancelled attempt tells of nothing but a late connection', async () => {
  const { made, factory } = makeFactory();
  const { clock, told, cancel } = begin(factory);
  cancel('enough');
  cancel('again');
  expect([made.context?.signal.reason, clock.pending]).toEqual(['enough', 0]);
  made.context?.lost();
  made.succeed('x');
  await settle();
  expect(told).toEqual(['lost', 'late x']);

  const other = makeFactory();
  const failing = begin(other.factory);
  failing.cancel('enough');
  other.made.fail(new Error('no'));
  await settle();
  expect(failing.told).toEqual([]);
});

export default tap.start();
