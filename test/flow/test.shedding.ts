import type { Connection } from '../../ts/flow/connection.js';
import { Shedding } from '../../ts/flow/shedding.js';
import { makeFakeClock } from '../helpers/fake-clock.js';
import { makeConnection } from '../helpers/make-connection.js';
import { expect, tap } from '../helpers/tapbundle.js';

const idle = { limitMs: 1_000, limitEnd: 'keep_alive_timeout' } as const;

function world(...parts: Partial<Connection>[]) {
  const clock = makeFakeClock();
  const told: number[] = [];
  const live = parts.map((part, at) =>
    Object.assign(makeConnection(), {
      drainable: {
        drain: () => void told.push(at),
        reconsider() {},
        clientEnded() {},
        losesBy: () => false,
        keepOnly() {},
      },
      ...part,
    }),
  );
  return { clock, told, live, shedding: new Shedding(clock) };
}

tap.test('the longest idle go first; who is busy, leaves already or is no HTTP stays', () => {
  const { told, live, shedding } = world(
    { ...idle, limitFromMs: 30 },
    { ...idle, limitFromMs: 10 },
    { ...idle, limitFromMs: 20 },
    { ...idle, limitMs: 0 },
    { ...idle, limitEnd: 'request_timeout' },
    { ...idle, drainable: null },
    { ...idle, limitFromMs: 1, end: 'client_closed' },
  );
  expect(shedding.shed(live, 2)).toEqual(2);
  expect([told, shedding.leaving]).toEqual([[1, 2], 2]);
  expect(shedding.shed(live, 2)).toEqual(0);
  shedding.ended(live[1] as Connection);
  shedding.ended(live[3] as Connection);
  expect(shedding.leaving).toEqual(1);
  expect(shedding.shed(live, 2)).toEqual(1);
  expect(told).toEqual([1, 2, 0]);
});

tap.test('where nobody was idle nobody is looked for again at once', () => {
  const { clock, told, live, shedding } = world({ ...idle, limitMs: 0 });
  expect(shedding.shed(live, 1)).toEqual(0);
  Object.assign(live[0] as Connection, idle);
  clock.advance(99);
  expect(shedding.shed(live, 1)).toEqual(0);
  clock.advance(1);
  expect([shedding.shed(live, 1), told]).toEqual([1, [0]]);
});

export default tap.start();
