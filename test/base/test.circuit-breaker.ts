import { CircuitBreaker, type TCircuitState } from '../../ts/base/circuit-breaker.js';
import { makeFakeClock } from '../helpers/fake-clock.js';
import { expect, tap } from '../helpers/tapbundle.js';

const fail = () => Promise.reject(new Error('down'));

function makeBreaker() {
  const clock = makeFakeClock();
  const states: TCircuitState[] = [];
  const breaker = new CircuitBreaker({
    failureThreshold: 3,
    resetTimeout: 1000,
    clock,
    isFailure: (error) => (error as Error).message === 'down',
    onStateChange: (state) => states.push(state),
  });
  return { breaker, clock, states };
}

type TBreaker = CircuitBreaker;

async function failTimes(breaker: TBreaker, times: number): Promise<void> {
  for (let time = 0; time < times; time++) await expect(breaker.execute(fail)).rejects.toThrow('down');
}

async function isRefused(breaker: TBreaker): Promise<void> {
  let called = false;
  await expect(breaker.execute(() => (called = true)))
    .rejects.property('code')
    .toEqual('CIRCUIT_OPEN');
  expect(called).toBeFalse();
}

tap.test('outcomes pass through a closed circuit', async () => {
  const { breaker, states } = makeBreaker();
  expect(breaker.state).toEqual('closed');
  expect(await breaker.execute(() => 5)).toEqual(5);
  await failTimes(breaker, 2);
  expect(states).toEqual([]);
});

tap.test('failures in a row open it; a success between them starts the count again', async () => {
  const { breaker } = makeBreaker();
  await failTimes(breaker, 2);
  await breaker.execute(() => 1);
  await failTimes(breaker, 2);
  expect(breaker.state).toEqual('closed');
  await failTimes(breaker, 1);
  expect(breaker.state).toEqual('open');
  await isRefused(breaker);
});

tap.test('after the time-out one call is let through, and its success closes the circuit', async () => {
  const { breaker, clock, states } = makeBreaker();
  await failTimes(breaker, 3);
  clock.advance(999);
  await isRefused(breaker);
  clock.advance(1);
  let finish: (value: number) => void = () => {};
  const trial = breaker.execute(() => new Promise<number>((resolve) => (finish = resolve)));
  expect(breaker.state).toEqual('half-open');
  await isRefused(breaker);
  finish(1);
  expect(await trial).toEqual(1);
  expect(breaker.state).toEqual('closed');
  expect(states).toEqual(['open', 'half-open', 'closed']);
  await failTimes(breaker, 2);
  expect(breaker.state).toEqual('closed');
});

tap.test('a failed trial opens it for the whole time again', async () => {
  const { breaker, clock } = makeBreaker();
  await failTimes(breaker, 3);
  for (let round = 0; round < 3; round++) {
    clock.advance(1000);
    await failTimes(breaker, 1);
    expect(breaker.state).toEqual('open');
    clock.advance(999);
    await isRefused(breaker);
    clock.advance(1);
  }
  expect(await breaker.execute(() => 2)).toEqual(2);
  expect(breaker.state).toEqual('closed');
});

tap.test('errors that are no failures pass through and do not count', async () => {
  const { breaker } = makeBreaker();
  for (let time = 0; time < 5; time++) {
    await expect(
      breaker.execute(() => {
        throw new Error('asked wrongly');
      }),
    ).rejects.toThrow('asked wrongly');
  }
  expect(breaker.state).toEqual('closed');
});

tap.test('jumps of the wall clock neither open nor close it', async (t) => {
  const { breaker, clock } = makeBreaker();
  const startMs = Date.now();
  const wall = t.mock.method(Date, 'now', () => startMs);
  await failTimes(breaker, 3);
  wall.mock.mockImplementation(() => startMs + 3_600_000);
  await isRefused(breaker);
  wall.mock.mockImplementation(() => startMs - 3_600_000);
  clock.advance(1000);
  expect(await breaker.execute(() => 3)).toEqual(3);
});

tap.test('five failures open it by default', async () => {
  const breaker = new CircuitBreaker();
  await failTimes(breaker, 4);
  expect(breaker.state).toEqual('closed');
  await failTimes(breaker, 1);
  expect(breaker.state).toEqual('open');
});

export default tap.start();
