import fc from 'fast-check';
import type {
  IConnectionPoolOptions,
  IFactoryContext,
  IPooledConnection,
} from '../../ts/base/connection-pool-options.js';
import { EnhancedConnectionPool } from '../../ts/base/enhanced-connection-pool.js';
import { ProxyError } from '../../ts/base/errors.js';
import { type IFakeClock, makeFakeClock, settle } from '../helpers/fake-clock.js';
import { expect, numRuns, tap } from '../helpers/tapbundle.js';

interface IThing {
  readonly name: number;
  destroyed: number;
  good: boolean;
  readonly context: IFactoryContext;
}

/** A factory whose attempts end when the test says so. */
interface IAttempt {
  readonly context: IFactoryContext;
  succeed(): IThing;
  fail(error: unknown): void;
}

type TOptions = Partial<IConnectionPoolOptions<IThing>> & { manual?: boolean };

function makePool({ manual = false, ...options }: TOptions = {}) {
  const clock = makeFakeClock();
  const things: IThing[] = [];
  const attempts: IAttempt[] = [];
  const errors: unknown[] = [];
  const makeThing = (context: IFactoryContext): IThing => {
    const thing = { name: things.length, destroyed: 0, good: true, context };
    things.push(thing);
    return thing;
  };
  const wait = (context: IFactoryContext) =>
    new Promise<IThing>((resolve, reject) => {
      const succeed = () => {
        const thing = makeThing(context);
        resolve(thing);
        return thing;
      };
      attempts.push({ context, succeed, fail: reject });
    });
  const pool = new EnhancedConnectionPool<IThing>({
    connectionFactory: manual ? wait : makeThing,
    connectionDestroyer: (thing) => void thing.destroyed++,
    onConnectionError: (error) => void errors.push(error),
    maxSize: 2,
    clock,
    ...options,
  });
  return { pool, clock, things, attempts, errors };
}

function watch<T>(promise: Promise<T>) {
  const seen: { value?: T; error?: unknown; done: boolean } = { done: false };
  promise.then(
    (value) => Object.assign(seen, { value, done: true }),
    (error: unknown) => Object.assign(seen, { error, done: true }),
  );
  return seen;
}

const codeOf = (error: unknown) => (error instanceof ProxyError ? error.code : error);

tap.test('a connection is made when needed and used again, the last returned first', async () => {
  const { pool, things } = makePool({ maxSize: 3 });
  const [a, b] = [await pool.acquire(), await pool.acquire()];
  expect(things).toHaveLength(2);
  pool.release(a);
  pool.release(b);
  const c = await pool.acquire();
  expect(c.connection).toBe(b.connection);
  const d = await pool.acquire();
  expect(d.connection).toBe(a.connection);
  expect(things).toHaveLength(2);
  pool.release(c);
  pool.release(d);
  await pool.cleanup();
});

tap.test('a loan tells of its connection, and its notes stay with the connection', async () => {
  const { pool, clock } = makePool();
  const start = clock.wallMs();
  const first = await pool.acquire();
  expect([first.useCount, first.inUse, first.createdAt, first.lastUsedAt]).toEqual([1, true, start, start]);
  first.metadata.protocol = 'h2';
  clock.advance(500);
  pool.release(first);
  expect(first.inUse).toBeFalse();
  const second = await pool.acquire();
  expect(second.id).toEqual(first.id);
  expect([second.useCount, second.createdAt, second.lastUsedAt]).toEqual([2, start, start + 500]);
  expect(second.metadata).toEqual({ protocol: 'h2' });
  await pool.cleanup();
});

tap.test("giving a loan back twice does not end the next borrower's loan", async () => {
  const { pool } = makePool({ maxSize: 1 });
  const first = await pool.acquire();
  expect(pool.release(first)).toBeTrue();
  const second = await pool.acquire();
  expect(pool.release(first)).toBeFalse();
  expect(pool.discard(first)).toBeFalse();
  expect(pool.tryAcquire()).toBeUndefined();
  expect([second.inUse, second.connection.destroyed]).toEqual([true, 0]);
  expect(pool.discard(second)).toBeTrue();
  expect(pool.release(second)).toBeFalse();
  await pool.cleanup();
});

tap.test('there are never more connections than maxSize, and returned ones go to those who wait', async () => {
  const { pool, things } = makePool({ maxSize: 2 });
  const [a, b] = [await pool.acquire(), await pool.acquire()];
  const [c, d] = [watch(pool.acquire()), watch(pool.acquire())];
  await settle();
  expect([c.done, pool.stats.waiting, things.length]).toEqual([false, 2, 2]);
  pool.release(b);
  await settle();
  expect([c.value?.connection === b.connection, d.done]).toEqual([true, false]);
  pool.discard(a);
  await settle();
  expect(d.value?.connection.name).toEqual(2);
  expect(a.connection.destroyed).toEqual(1);
  await pool.cleanup();
});

tap.test('those who wait are served by priority, then in their order', async () => {
  const { pool } = makePool({ maxSize: 1 });
  const held = await pool.acquire();
  const served: string[] = [];
  const join = async (name: string, priority?: number) => {
    const loan = await pool.acquire(priority === undefined ? {} : { priority });
    served.push(name);
    pool.release(loan);
  };
  const all = [join('low', -1), join('first'), join('high', 5), join('second', 0), join('high too', 5)];
  pool.release(held);
  await Promise.all(all);
  expect(served).toEqual(['high', 'high too', 'first', 'second', 'low']);
  await pool.cleanup();
});

tap.test('a full pool refuses after queueTimeout, and at once when the queue is full', async () => {
  const { pool, clock } = makePool({ maxSize: 1, maxQueueSize: 1, queueTimeout: 100, acquireTimeout: 1000 });
  const held = await pool.acquire();
  const waiting = watch(pool.acquire());
  await expect(pool.acquire()).rejects.property('code').toEqual('POOL_EXHAUSTED');
  await clock.advanceAsync(99);
  expect(waiting.done).toBeFalse();
  await clock.advanceAsync(1);
  expect(codeOf(waiting.error)).toEqual('POOL_EXHAUSTED');
  expect(pool.stats.waiting).toEqual(0);
  pool.release(held);
  expect((await pool.acquire()).connection).toBe(held.connection);
  await pool.cleanup();
});

tap.test('acquireTimeout ends waiting for a connection in the making, and the making', async () => {
  const { pool, clock, attempts, things, errors } = makePool({ manual: true, acquireTimeout: 100, queueTimeout: 10 });
  const waiting = watch(pool.acquire());
  await clock.advanceAsync(99);
  expect([waiting.done, attempts[0]?.context.signal.aborted]).toEqual([false, false]);
  await clock.advanceAsync(1);
  expect(codeOf(waiting.error)).toEqual('TIMEOUT');
  expect(attempts[0]?.context.signal.aborted).toBeTrue();
  expect([pool.stats.creating, pool.stats.failed, errors.map(codeOf)]).toEqual([0, 1, ['TIMEOUT']]);
  attempts[0]?.succeed();
  await settle();
  expect([things[0]?.destroyed, pool.stats.size]).toEqual([1, 0]);
  await pool.cleanup();
});

tap.test('a caller who gives up leaves the connection in the making to the others', async () => {
  const { pool, attempts } = makePool({ manual: true });
  const controller = new AbortController();
  const left = watch(pool.acquire({ signal: controller.signal }));
  controller.abort('enough');
  await settle();
  expect([left.error, pool.stats.waiting, pool.stats.creating]).toEqual(['enough', 0, 1]);
  const next = watch(pool.acquire());
  expect(attempts).toHaveLength(1);
  const thing = attempts[0]?.succeed();
  await settle();
  expect(next.value?.connection).toBe(thing);
  await expect(pool.acquire({ signal: controller.signal })).rejects.toEqual('enough');
  await pool.cleanup();
});

tap.test('a connection that nobody wants any more becomes idle', async () => {
  const { pool, attempts } = makePool({ manual: true });
  const controller = new AbortController();
  const left = watch(pool.acquire({ signal: controller.signal }));
  controller.abort();
  attempts[0]?.succeed();
  await settle();
  expect([left.done, pool.stats.idle]).toEqual([true, 1]);
  await pool.cleanup();
});

tap.test('a returned connection serves a caller before the one being made for it', async () => {
  const { pool, attempts } = makePool({ manual: true });
  const first = watch(pool.acquire());
  attempts[0]?.succeed();
  await settle();
  const second = watch(pool.acquire());
  await settle();
  pool.release(first.value as IPooledConnection<IThing>);
  await settle();
  expect(second.value?.connection).toBe(first.value?.connection);
  attempts[1]?.succeed();
  await settle();
  expect([pool.stats.idle, pool.stats.inUse]).toEqual([1, 1]);
  await pool.cleanup();
});

tap.test('what the factory throws goes to one caller, and the next gets another attempt', async () => {
  const { pool, attempts, errors } = makePool({ manual: true, maxSize: 1 });
  const [a, b] = [watch(pool.acquire()), watch(pool.acquire())];
  const refused = new ProxyError('TARGET_UNRESOLVED', 'no');
  attempts[0]?.fail(refused);
  await settle();
  expect([a.error, b.done, attempts.length]).toEqual([refused, false, 2]);
  attempts[1]?.succeed();
  await settle();
  expect(b.value?.connection.name).toEqual(0);
  expect(errors).toEqual([refused]);
  await pool.cleanup();
});

tap.test('a caller is not blamed for an attempt that began before it came', async () => {
  const { pool, attempts } = makePool({ manual: true, maxSize: 1 });
  const controller = new AbortController();
  const left = watch(pool.acquire({ signal: controller.signal }));
  controller.abort();
  const late = watch(pool.acquire());
  expect(attempts).toHaveLength(1);
  attempts[0]?.fail(new Error('old'));
  await settle();
  expect([left.done, late.done, attempts.length]).toEqual([true, false, 2]);
  attempts[1]?.fail(new Error('own'));
  await settle();
  expect((late.error as Error).message).toEqual('own');
  expect(attempts).toHaveLength(2);
  await pool.cleanup();
});

tap.test('a factory that always throws at once is called once a caller', async () => {
  let calls = 0;
  const { pool } = makePool({
    connectionFactory: () => {
      throw new Error(`no ${++calls}`);
    },
  });
  const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => pool.acquire()));
  expect(outcomes.every(({ status }) => status === 'rejected')).toBeTrue();
  expect(calls).toEqual(20);
  await pool.cleanup();
});

tap.test('idle connections go after idleTimeout, down to minSize', async () => {
  const { pool, clock, things } = makePool({ maxSize: 3, minSize: 1, idleTimeout: 5000 });
  const loans = [await pool.acquire(), await pool.acquire(), await pool.acquire()];
  pool.release(loans[0] as IPooledConnection<IThing>);
  clock.advance(3000);
  pool.release(loans[1] as IPooledConnection<IThing>);
  pool.release(loans[2] as IPooledConnection<IThing>);
  clock.advance(1999);
  expect(pool.stats.idle).toEqual(3);
  clock.advance(1);
  expect([pool.stats.idle, things[0]?.destroyed]).toEqual([2, 1]);
  clock.advance(3000);
  expect([pool.stats.idle, things[1]?.destroyed, things[2]?.destroyed]).toEqual([1, 1, 0]);
  clock.advance(60_000);
  expect(pool.stats.idle).toEqual(1);
  expect(clock.pending).toBeLessThanOrEqual(1);
  await pool.cleanup();
  expect(clock.pending).toEqual(0);
});

tap.test('minSize connections are made ahead, and again with growing pauses after failures', async () => {
  const { pool, clock, attempts, errors } = makePool({ manual: true, minSize: 1, maxSize: 4 });
  const attemptsAt: number[] = [];
  for (const wantedMs of [0, 100, 300, 700]) {
    await clock.advanceAsync(wantedMs - clock.nowMs());
    attemptsAt.push(attempts.length);
    attempts.at(-1)?.fail(new Error('down'));
    await settle();
  }
  expect(attemptsAt).toEqual([1, 2, 3, 4]);
  await clock.advanceAsync(799);
  expect(attempts).toHaveLength(4);
  await clock.advanceAsync(1);
  expect(attempts).toHaveLength(5);
  attempts[4]?.succeed();
  await settle();
  expect([pool.stats.idle, errors.length]).toEqual([1, 4]);
  pool.discard((await pool.acquire()) as IPooledConnection<IThing>);
  expect(attempts).toHaveLength(6);
  await pool.cleanup();
});

tap.test('a connection that was used maxUseCount times is destroyed when it comes back', async () => {
  const { pool, things } = makePool({ maxUseCount: 2 });
  for (let use = 0; use < 4; use++) pool.release(await pool.acquire());
  expect(things.map(({ destroyed }) => destroyed)).toEqual([1, 1]);
  await pool.cleanup();
});

tap.test('a lost connection leaves at once when idle, on its return when in use', async () => {
  const { pool, things } = makePool({ maxSize: 2 });
  const [a, b] = [await pool.acquire(), await pool.acquire()];
  pool.release(a);
  a.connection.context.lost();
  a.connection.context.lost();
  expect([pool.stats.size, things[0]?.destroyed]).toEqual([1, 1]);
  b.connection.context.lost();
  expect(things[1]?.destroyed).toEqual(0);
  pool.release(b);
  expect([pool.stats.size, things[1]?.destroyed]).toEqual([0, 1]);
  await pool.cleanup();
});

tap.test('a connection lost before it was ever used is not kept', async () => {
  const { pool, attempts } = makePool({ manual: true });
  const controller = new AbortController();
  const left = watch(pool.acquire({ signal: controller.signal }));
  controller.abort();
  attempts[0]?.context.lost();
  const thing = attempts[0]?.succeed();
  await settle();
  expect([left.done, thing?.destroyed, pool.stats.size]).toEqual([true, 1, 0]);
  await pool.cleanup();
});

tap.test('a connection lost while it is validated is not lent, whatever the validator says', async () => {
  const answers: ((isGood: boolean) => void)[] = [];
  const { pool, things } = makePool({
    maxSize: 1,
    connectionValidator: () => new Promise<boolean>((resolve) => answers.push(resolve)),
  });
  pool.release(await pool.acquire());
  const next = watch(pool.acquire());
  things[0]?.context.lost();
  answers[0]?.(true);
  await settle();
  expect([next.value?.connection.name, things[0]?.destroyed]).toEqual([1, 1]);
  await pool.cleanup();
});

tap.test('bad connections are not lent: a new one is, and the validator is asked where it should be', async () => {
  const asked: string[] = [];
  const { pool, things } = makePool({
    connectionValidator: (thing) => {
      asked.push(`${thing.name}`);
      return thing.good;
    },
  });
  const a = await pool.acquire();
  expect(asked).toEqual([]);
  pool.release(a);
  expect(asked).toEqual([]);
  a.connection.good = false;
  const b = await pool.acquire();
  expect([asked, b.connection.name, things[0]?.destroyed]).toEqual([['0'], 1, 1]);
  await pool.cleanup();

  const returning = makePool({
    connectionValidator: () => false,
    validateOnAcquire: false,
    validateOnReturn: true,
  });
  returning.pool.release(await returning.pool.acquire());
  expect([returning.pool.stats.size, returning.things[0]?.destroyed]).toEqual([0, 1]);
  await returning.pool.cleanup();
});

tap.test('a validator may take its time; meanwhile nobody else gets the connection', async () => {
  const answers: ((isGood: boolean) => void)[] = [];
  const { pool, things } = makePool({
    maxSize: 1,
    connectionValidator: () => new Promise<boolean>((resolve) => answers.push(resolve)),
  });
  pool.release(await pool.acquire());
  const a = watch(pool.acquire());
  const b = watch(pool.acquire());
  expect([answers.length, pool.stats.idle, pool.stats.inUse]).toEqual([1, 0, 0]);
  answers[0]?.(true);
  await settle();
  expect([a.value?.connection.name, b.done]).toEqual([0, false]);
  pool.release(a.value as IPooledConnection<IThing>);
  expect(answers).toHaveLength(2);
  answers[1]?.(false);
  await settle();
  expect([b.value?.connection.name, things[0]?.destroyed]).toEqual([1, 1]);
  await pool.cleanup();
});

tap.test('a connection lent by nobody after a slow validation is idle again', async () => {
  const { pool } = makePool({ connectionValidator: async () => true });
  pool.release(await pool.acquire());
  expect(pool.tryAcquire()).toBeUndefined();
  expect(pool.stats.idle).toEqual(0);
  await settle();
  expect(pool.stats.idle).toEqual(1);
  await pool.cleanup();
});

tap.test('a validator that throws, rejects or stays silent says no, and is reported', async () => {
  const validators = [
    () => {
      throw new Error('bad');
    },
    () => Promise.reject(new Error('bad')),
    () => new Promise<boolean>(() => {}),
  ];
  for (const connectionValidator of validators) {
    const { pool, clock, things, errors } = makePool({ connectionValidator, maxSize: 1, acquireTimeout: 100 });
    pool.release(await pool.acquire());
    expect(pool.tryAcquire()).toBeUndefined();
    await clock.advanceAsync(100);
    expect([things[0]?.destroyed, errors.length, pool.stats.size]).toEqual([1, 1, 0]);
    await pool.cleanup();
    expect(clock.pending).toEqual(0);
  }
});

tap.test('events tell of every step, and what listeners throw harms nothing', async () => {
  const { pool, errors } = makePool({ maxSize: 1 });
  const told: string[] = [];
  const tell = (word: string) => (entry: IPooledConnection<IThing>) => void told.push(`${word} ${entry.useCount}`);
  const stray = tell('stray');
  pool.on('create', tell('create')).on('acquire', tell('acquire')).on('release', tell('release'));
  pool.on('destroy', tell('destroy')).on('acquire', stray).off('acquire', stray);
  pool.on('acquire', () => {
    throw new Error('listener');
  });
  const loan = await pool.acquire();
  pool.release(loan);
  pool.discard(await pool.acquire());
  expect(told).toEqual(['create 0', 'acquire 1', 'release 1', 'acquire 2', 'release 2', 'destroy 2']);
  expect(errors.map((error) => (error as Error).message)).toEqual(['listener', 'listener']);
  await pool.cleanup();
});

tap.test('errors are quiet without a listener, and come with the connection', async () => {
  const failing: Partial<IConnectionPoolOptions<IThing>> = {
    connectionDestroyer: () => Promise.reject(new Error('stuck')),
    onConnectionError: () => {
      throw new Error('dropped');
    },
  };
  const quiet = makePool(failing);
  quiet.pool.discard(await quiet.pool.acquire());
  await quiet.pool.cleanup();

  const { pool, things } = makePool(failing);
  const heard: unknown[] = [];
  pool.on('error', (error, connection) => {
    heard.push((error as Error).message, connection);
    throw new Error('dropped');
  });
  pool.discard(await pool.acquire());
  await pool.cleanup();
  expect(heard).toEqual(['stuck', things[0]]);
});

tap.test('drain serves those who wait, refuses newcomers, and ends when all has come back', async () => {
  const { pool, things, clock } = makePool({ maxSize: 2, minSize: 1 });
  const [a, b] = [await pool.acquire(), await pool.acquire()];
  const waiting = watch(pool.acquire());
  const drained = watch(pool.drain());
  await expect(pool.acquire()).rejects.property('code').toEqual('POOL_CLOSED');
  pool.release(a);
  await settle();
  expect(waiting.value?.connection).toBe(a.connection);
  pool.release(b);
  await settle();
  expect([things[1]?.destroyed, drained.done]).toEqual([1, false]);
  pool.release(waiting.value as IPooledConnection<IThing>);
  await settle();
  expect([drained.done, drained.error, things.map(({ destroyed }) => destroyed)]).toEqual([true, undefined, [1, 1]]);
  expect(clock.pending).toEqual(0);
  await pool.drain();
});

tap.test('cleanup refuses those who wait, aborts what is in the making, destroys what is lent', async () => {
  const { pool, attempts, things, clock } = makePool({ manual: true, maxSize: 2 });
  const lent = watch(pool.acquire());
  attempts[0]?.succeed();
  await settle();
  const [making, queued] = [watch(pool.acquire()), watch(pool.acquire())];
  const drained = watch(pool.drain());
  await pool.cleanup();
  await settle();
  expect([codeOf(making.error), codeOf(queued.error), drained.done]).toEqual(['POOL_CLOSED', 'POOL_CLOSED', true]);
  expect(codeOf(attempts[1]?.context.signal.reason)).toEqual('POOL_CLOSED');
  expect([things[0]?.destroyed, lent.value?.inUse]).toEqual([1, false]);
  expect(pool.release(lent.value as IPooledConnection<IThing>)).toBeFalse();
  attempts[1]?.succeed();
  await settle();
  expect(things.map(({ destroyed }) => destroyed)).toEqual([1, 1]);
  expect([pool.stats.size, pool.stats.waiting, pool.stats.creating, clock.pending]).toEqual([0, 0, 0, 0]);
  await expect(pool.acquire()).rejects.property('code').toEqual('POOL_CLOSED');
  expect(pool.tryAcquire()).toBeUndefined();
});

tap.test('cleanup waits for the destroyers', async () => {
  let finish: () => void = () => {};
  const { pool } = makePool({ connectionDestroyer: () => new Promise<void>((resolve) => (finish = resolve)) });
  pool.release(await pool.acquire());
  const cleaned = watch(pool.cleanup());
  await settle();
  expect(cleaned.done).toBeFalse();
  finish();
  await settle();
  expect(cleaned.done).toBeTrue();
});

tap.test('sizes that make no sense are refused', async () => {
  expect(() => makePool({ maxSize: 0 })).toThrow(RangeError);
  expect(() => makePool({ maxSize: 1, minSize: 2 })).toThrow(RangeError);
  expect(() => makePool({ minSize: -1 })).toThrow(RangeError);
  expect(() => makePool({ maxSize: Number.NaN })).toThrow(RangeError);
});

tap.test('the numbers count every step', async () => {
  const { pool } = makePool({ maxSize: 2 });
  const loan = await pool.acquire();
  pool.release(await pool.acquire());
  const waiting = { creating: 0, waiting: 0, failed: 0 };
  expect(pool.stats).toEqual({ size: 2, idle: 1, inUse: 1, acquired: 2, created: 2, destroyed: 0, ...waiting });
  pool.discard(loan);
  expect(pool.stats).toEqual({ size: 1, idle: 1, inUse: 0, acquired: 2, created: 2, destroyed: 1, ...waiting });
  await pool.cleanup();
});

/** Every step a world with a pool can take; which one is chosen, and on what, is up to fast-check. */
const actions = [
  'acquire',
  'acquire',
  'try',
  'abort',
  'release',
  'release',
  'discard',
  'succeed',
  'succeed',
  'fail',
  'lose',
  'spoil',
  'answer',
  'advance',
] as const;

const plan = fc.record({
  maxSize: fc.integer({ min: 1, max: 4 }),
  minSize: fc.integer({ min: 0, max: 1 }),
  maxUseCount: fc.constantFrom(2, Number.POSITIVE_INFINITY),
  validateOnReturn: fc.boolean(),
  slowValidator: fc.boolean(),
  steps: fc.array(fc.tuple(fc.constantFrom(...actions), fc.nat(1000)), { maxLength: 80, size: 'max' }),
  drains: fc.boolean(),
});

tap.test(
  'in any sequence of events no connection is shared, lost or left over, and nobody waits for nothing',
  async () => {
    await fc.assert(
      fc.asyncProperty(plan, async ({ steps, slowValidator, drains, ...options }) => {
        const answers: (() => void)[] = [];
        const connectionValidator = (thing: IThing) =>
          slowValidator ? new Promise<boolean>((done) => answers.push(() => done(thing.good))) : thing.good;
        const world = makePool({
          manual: true,
          queueTimeout: 300,
          acquireTimeout: 700,
          idleTimeout: 500,
          maxQueueSize: 5,
          connectionValidator,
          ...options,
        });
        const { pool, clock, attempts, things } = world;
        const loans: IPooledConnection<IThing>[] = [];
        const callers: { controller: AbortController; done: boolean }[] = [];
        const pick = <T>(list: T[], at: number): T | undefined => list.splice(at % Math.max(1, list.length), 1)[0];

        const acquire = (at: number) => {
          const caller = { controller: new AbortController(), done: false };
          callers.push(caller);
          pool.acquire({ priority: at % 3, signal: caller.controller.signal }).then(
            (loan) => {
              caller.done = true;
              loans.push(loan);
            },
            () => {
              caller.done = true;
            },
          );
        };
        const give = (how: 'release' | 'discard', at: number) => {
          const loan = pick(loans, at);
          if (loan) expect(pool[how](loan)).toBeTrue();
          if (loan) expect(pool.release(loan)).toBeFalse();
        };
        const take = (loan: IPooledConnection<IThing> | undefined) => loan && loans.push(loan);
        const step: Record<(typeof actions)[number], (at: number) => unknown> = {
          acquire,
          try: () => take(pool.tryAcquire()),
          abort: (at) => pick(callers, at)?.controller.abort(),
          release: (at) => give('release', at),
          discard: (at) => give('discard', at),
          succeed: (at) => pick(attempts, at)?.succeed(),
          fail: (at) => pick(attempts, at)?.fail(new Error('down')),
          lose: (at) => things[at % Math.max(1, things.length)]?.context.lost(),
          spoil: (at) => Object.assign(things[at % Math.max(1, things.length)] ?? {}, { good: false }),
          answer: (at) => pick(answers, at)?.(),
          advance: (at) => clock.advance(at),
        };
        for (const [action, at] of steps) {
          step[action](at);
          if (at % 3 > 0) await settle();
          inspect(world, loans, options.maxSize);
        }
        await settle();
        const ended = drains ? pool.drain() : pool.cleanup();
        await finish(clock, drains, { loans, attempts, answers, give });
        await ended;
        await settle();
        expect(things.filter(({ destroyed }) => destroyed !== 1)).toEqual([]);
        expect(callers.every(({ done }) => done)).toBeTrue();
        expect([pool.stats.size, pool.stats.waiting, pool.stats.creating, clock.pending]).toEqual([0, 0, 0, 0]);
      }),
      { seed: 20_260_102, numRuns: numRuns(300) },
    );
  },
);

function inspect(world: ReturnType<typeof makePool>, loans: IPooledConnection<IThing>[], maxSize: number): void {
  const { size, idle, inUse, creating, waiting } = world.pool.stats;
  const checking = size - idle - inUse;
  expect(size + creating).toBeLessThanOrEqual(maxSize);
  expect(inUse).toBeGreaterThanOrEqual(loans.length);
  expect(new Set(loans.map(({ connection }) => connection)).size).toBe(loans.length);
  expect(loans.filter(({ connection, inUse: isOut }) => connection.destroyed > 0 || !isOut)).toEqual([]);
  const isFull = size + creating === maxSize;
  if (waiting > creating + checking) expect([isFull, idle]).toEqual([true, 0]);
}

interface IRest {
  readonly loans: IPooledConnection<IThing>[];
  readonly attempts: IAttempt[];
  readonly answers: (() => void)[];
  readonly give: (how: 'release' | 'discard', at: number) => void;
}

/** Brings everything that is still open to its end, as well-behaved borrowers and targets would. */
async function finish(clock: IFakeClock, drains: boolean, { loans, attempts, answers, give }: IRest): Promise<void> {
  await settle();
  for (let round = 0; round < 30; round++) {
    for (const attempt of attempts.splice(0)) attempt.succeed();
    for (const answer of answers.splice(0)) answer();
    if (drains) while (loans.length > 0) give('release', 0);
    await clock.advanceAsync(100);
  }
}

export default tap.start();
