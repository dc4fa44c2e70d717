import { getEventListeners } from 'node:events';
import type { TestContext } from 'node:test';
import {
  AsyncMutex,
  debounceAsync,
  delay,
  parallelLimit,
  retryWithBackoff,
  withTimeout,
} from '../../ts/base/async-utils.js';
import { maxDelayMs } from '../../ts/base/clock.js';
import { ProxyError } from '../../ts/base/errors.js';
import { settle } from '../helpers/fake-clock.js';
import { expect, tap } from '../helpers/tapbundle.js';

const timersAlive = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;

/** Takes over setTimeout for one test; `move` lets promises settle around every millisecond step. */
function fakeTimers(t: TestContext) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  return async (ms: number, stepMs = ms) => {
    await settle();
    for (let moved = 0; moved < ms; moved += stepMs) {
      t.mock.timers.tick(Math.min(stepMs, ms - moved));
      await settle();
    }
  };
}

/** Follows a promise without handling it for the caller. */
function watch<T>(promise: Promise<T>) {
  const seen: { state: 'pending' | 'resolved' | 'rejected'; value: unknown } = { state: 'pending', value: undefined };
  promise.then(
    (value) => Object.assign(seen, { state: 'resolved', value }),
    (value) => Object.assign(seen, { state: 'rejected', value }),
  );
  return seen;
}

function makeGate<T = void>() {
  let open: (value: T) => void = () => {};
  let fail: (error: unknown) => void = () => {};
  const promise = new Promise<T>((onOpen, onFail) => {
    open = onOpen;
    fail = onFail;
  });
  return { promise, open, fail };
}

tap.test('delay resolves when its time is over, not before', async (t) => {
  const move = fakeTimers(t);
  const seen = watch(delay(50));
  await move(49);
  expect(seen.state).toEqual('pending');
  await move(1);
  expect(seen.state).toEqual('resolved');
});

tap.test('delay is not cut short by the longest time Node can wait', async (t) => {
  const asked: number[] = [];
  t.mock.method(globalThis, 'setTimeout', ((fire: (...args: unknown[]) => void, ms: number, ...args: unknown[]) => {
    asked.push(ms);
    fire(...args);
  }) as unknown as typeof setTimeout);
  const done = delay(maxDelayMs * 2 + 5);
  t.mock.restoreAll();
  await done;
  expect(asked).toEqual([maxDelayMs, maxDelayMs, 5]);
});

tap.test('delay ends with the reason of its signal and keeps no timer or listener', async () => {
  const before = timersAlive();
  const controller = new AbortController();
  const waiting = delay(60_000, { signal: controller.signal });
  const reason = new Error('enough');
  controller.abort(reason);
  await expect(waiting).rejects.toBe(reason);
  expect(timersAlive()).toEqual(before);
  await expect(delay(1, { signal: controller.signal })).rejects.toBe(reason);

  const kept = new AbortController();
  await delay(1, { signal: kept.signal });
  expect(getEventListeners(kept.signal, 'abort')).toHaveLength(0);
});

tap.test('retryWithBackoff gives the first success and tells of the failures before it', async (t) => {
  const move = fakeTimers(t);
  const told: unknown[] = [];
  const seen = watch(
    retryWithBackoff(
      (attempt) => {
        if (attempt < 3) throw new Error(`no ${attempt}`);
        return `yes ${attempt}`;
      },
      { onRetry: (attempt, error) => told.push([attempt, (error as Error).message]) },
    ),
  );
  await move(99);
  expect(told).toEqual([[1, 'no 1']]);
  await move(1);
  expect(told).toEqual([
    [1, 'no 1'],
    [2, 'no 2'],
  ]);
  await move(199);
  expect(seen.state).toEqual('pending');
  await move(1);
  expect(seen).toEqual({ state: 'resolved', value: 'yes 3' });
});

tap.test('retryWithBackoff gives the last error after maxAttempts calls', async (t) => {
  const move = fakeTimers(t);
  let calls = 0;
  const seen = watch(retryWithBackoff(() => Promise.reject(new Error(`no ${++calls}`))));
  await move(1000);
  await move(1000);
  expect(calls).toEqual(3);
  expect(seen.state).toEqual('rejected');
  expect((seen.value as Error).message).toEqual('no 3');
});

tap.test('pauses grow by the factor up to maxDelay', async (t) => {
  const move = fakeTimers(t);
  const at: number[] = [];
  const options = { maxAttempts: 6, initialDelay: 10, factor: 3, maxDelay: 100 };
  let now = 0;
  const seen = watch(
    retryWithBackoff(() => {
      at.push(now);
      throw new Error('no');
    }, options),
  );
  for (now = 1; now <= 400; now++) await move(1);
  expect(seen.state).toEqual('rejected');
  expect(at).toEqual([0, 10, 40, 130, 230, 330]);
});

tap.test('jitter only ever shortens a pause', async (t) => {
  const move = fakeTimers(t);
  t.mock.method(Math, 'random', () => 0.5);
  let calls = 0;
  const seen = watch(
    retryWithBackoff(
      () => {
        if (++calls === 1) throw new Error('no');
      },
      { jitter: 0.5 },
    ),
  );
  await move(74);
  expect(calls).toEqual(1);
  await move(1);
  expect(calls).toEqual(2);
  expect(seen.state).toEqual('resolved');
});

tap.test('an abort ends retrying in the middle of a pause, without another call', async () => {
  const before = timersAlive();
  const controller = new AbortController();
  let calls = 0;
  const failing = () => {
    calls++;
    throw new Error('no');
  };
  const retrying = retryWithBackoff(failing, { initialDelay: 60_000, maxDelay: 60_000, signal: controller.signal });
  await settle();
  controller.abort(new Error('enough'));
  await expect(retrying).rejects.toThrow('enough');
  expect(calls).toEqual(1);
  expect(timersAlive()).toEqual(before);
  await expect(retryWithBackoff(failing, { signal: controller.signal })).rejects.toThrow('enough');
  expect(calls).toEqual(1);
});

tap.test('withTimeout passes on what comes in time and leaves no timer', async () => {
  const before = timersAlive();
  expect(await withTimeout(Promise.resolve(7), 60_000)).toEqual(7);
  expect(await withTimeout(() => 8, 60_000)).toEqual(8);
  await expect(withTimeout(Promise.reject(new Error('no')), 60_000)).rejects.toThrow('no');
  await expect(
    withTimeout(() => {
      throw new Error('at once');
    }, 60_000),
  ).rejects.toThrow('at once');
  expect(timersAlive()).toEqual(before);
});

tap.test('withTimeout rejects with TIMEOUT and aborts the signal it gave', async (t) => {
  const move = fakeTimers(t);
  let given: AbortSignal | undefined;
  const seen = watch(
    withTimeout(
      (signal) => {
        given = signal;
        return new Promise(() => {});
      },
      50,
      'the answer did not come',
    ),
  );
  await move(49);
  expect(given?.aborted).toBeFalse();
  expect(seen.state).toEqual('pending');
  await move(1);
  expect(seen.state).toEqual('rejected');
  const error = seen.value as ProxyError;
  expect(error).toBeInstanceOf(ProxyError);
  expect([error.code, error.message]).toEqual(['TIMEOUT', 'the answer did not come']);
  expect(given?.reason).toBe(error);
});

tap.test("a rejection that comes too late is nobody else's", async (t) => {
  const move = fakeTimers(t);
  const gate = makeGate();
  const seen = watch(withTimeout(gate.promise, 10));
  await move(10);
  expect(seen.state).toEqual('rejected');
  // An unhandled rejection would fail this file.
  gate.fail(new Error('late'));
  await settle();
});

tap.test('parallelLimit keeps the order and its limit', async () => {
  const gates = Array.from({ length: 6 }, () => makeGate());
  let running = 0;
  let most = 0;
  const results = parallelLimit(gates, 2, async (gate, index) => {
    most = Math.max(most, ++running);
    await gate.promise;
    running--;
    return index * 10;
  });
  // Later ones first where both are running.
  for (const index of [1, 0, 3, 2, 5, 4]) {
    await settle();
    gates[index]?.open();
  }
  expect(await results).toEqual([0, 10, 20, 30, 40, 50]);
  expect(most).toEqual(2);
});

tap.test('parallelLimit begins nothing more after a failure', async () => {
  const begun: number[] = [];
  const working = parallelLimit([0, 1, 2, 3, 4], 1, async (item) => {
    begun.push(item);
    if (item === 1) throw new Error('no');
  });
  await expect(working).rejects.toThrow('no');
  await settle();
  expect(begun.length).toBeLessThan(4);
  await expect(parallelLimit([], 3, () => 1)).resolves.toEqual([]);
  await expect(parallelLimit([1], 0, () => 1)).rejects.toThrow(TypeError);
});

tap.test('debounceAsync runs once a burst, with its last arguments, and answers all its callers', async (t) => {
  const move = fakeTimers(t);
  const runs: string[] = [];
  const debounced = debounceAsync(async (word: string) => {
    runs.push(word);
    return word.toUpperCase();
  }, 20);
  const seen = [watch(debounced('a'))];
  await move(15);
  seen.push(watch(debounced('b')));
  await move(15);
  expect(runs).toEqual([]);
  await move(5);
  expect(runs).toEqual(['b']);
  expect(seen.map(({ value }) => value)).toEqual(['B', 'B']);
  seen.push(watch(debounced('c')));
  await move(20);
  expect(runs).toEqual(['b', 'c']);
  expect(seen[2]?.value).toEqual('C');
});

tap.test('debounceAsync gives a failure to all callers and goes on', async (t) => {
  const move = fakeTimers(t);
  const debounced = debounceAsync((fail: boolean) => {
    if (fail) throw new Error('no');
    return 1;
  }, 5);
  const seen = [watch(debounced(true)), watch(debounced(true))];
  await move(5);
  expect(seen.map(({ state }) => state)).toEqual(['rejected', 'rejected']);
  const after = watch(debounced(false));
  await move(5);
  expect(after.value).toEqual(1);
});

tap.test('runs of a debounced function do not overlap', async (t) => {
  const move = fakeTimers(t);
  const gates = [makeGate(), makeGate()];
  const begun: number[] = [];
  const debounced = debounceAsync(async (index: number) => {
    begun.push(index);
    await gates[index]?.promise;
  }, 5);
  const first = watch(debounced(0));
  await move(5);
  const second = watch(debounced(1));
  await move(5);
  expect(begun).toEqual([0]);
  gates[0]?.open();
  await settle();
  expect([first.state, begun]).toEqual(['resolved', [0, 1]]);
  gates[1]?.open();
  await settle();
  expect(second.state).toEqual('resolved');
});

tap.test('cancel drops the burst that waits', async () => {
  const before = timersAlive();
  let runs = 0;
  const debounced = debounceAsync(() => ++runs, 60_000);
  debounced.cancel();
  const call = debounced();
  debounced.cancel();
  await expect(call).rejects.property('name').toEqual('AbortError');
  expect(runs).toEqual(0);
  expect(timersAlive()).toEqual(before);
});

tap.test('a mutex lets one through at a time, in order', async () => {
  const mutex = new AsyncMutex();
  const gate = makeGate();
  const steps: string[] = [];
  expect(mutex.isLocked).toBeFalse();
  const first = mutex.runExclusive(async () => {
    steps.push('first in');
    await gate.promise;
    steps.push('first out');
    return 1;
  });
  const second = mutex.runExclusive(() => {
    steps.push('second');
    throw new Error('no');
  });
  const third = mutex.runExclusive(() => void steps.push('third'));
  const judged = expect(second).rejects.toThrow('no');
  await settle();
  expect(mutex.isLocked).toBeTrue();
  expect(steps).toEqual(['first in']);
  gate.open();
  expect(await first).toEqual(1);
  await judged;
  await third;
  expect(steps).toEqual(['first in', 'first out', 'second', 'third']);
  expect(mutex.isLocked).toBeFalse();
});

tap.test('giving a lock back twice does not let two others in', async () => {
  const mutex = new AsyncMutex();
  const release = await mutex.acquire();
  const second = watch(mutex.acquire());
  const third = watch(mutex.acquire());
  release();
  release();
  await settle();
  expect([second.state, third.state]).toEqual(['resolved', 'pending']);
  (second.value as () => void)();
  await settle();
  expect(third.state).toEqual('resolved');
});

export default tap.start();
