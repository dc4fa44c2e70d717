// A worker tells events while it is asked to, no faster than the primary takes them.

import type { IAdminEvent, TAdminEventKind } from '../../ts/admin/view.js';
import type { IGroupView } from '../../ts/group-parts.js';
import type { IEventBatch } from '../../ts/workers/topics.js';
import { mostWaiting, WorkerAdmin } from '../../ts/workers/worker-admin.js';
import { makeFakeView } from '../helpers/admin-world.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';

function makeWorld() {
  const batches: IEventBatch[] = [];
  const taken: (() => void)[] = [];
  const ask = (_: string, batch: IEventBatch) => {
    batches.push(batch);
    return new Promise<undefined>((resolve) => taken.push(() => resolve(undefined)));
  };
  const admin = new WorkerAdmin({ ask } as never);
  const view = makeFakeView();
  admin.attach({ ...view, restore: async () => ({ routes: [], lost: [] }) } as IGroupView);
  const tell = (kind: TAdminEventKind, data: object) => view.tell({ kind, at: 1, data });
  const sent = async (count: number) => {
    await until(
      () => batches.length === count,
      5_000,
      () => `${count} batches, ${batches.length} came`,
    );
    return JSON.parse(batches.at(-1)?.events ?? '') as IAdminEvent[];
  };
  return { admin, view, tell, batches, taken, sent };
}

tap.test('kinds that are asked for are heard of, and no others', async () => {
  const { admin, view, tell, sent } = makeWorld();
  await admin.hear(['request', 'connection']);
  expect([view.listeners('request'), view.listeners('connection')]).toEqual([1, 1]);
  await admin.hear(['request']);
  expect([view.listeners('request'), view.listeners('connection')]).toEqual([1, 0]);
  tell('connection', { id: 'x' });
  tell('request', { path: '/a' });
  tell('request', { path: '/b' });
  expect((await sent(1)).map(({ data }) => data)).toEqual([{ path: '/a' }, { path: '/b' }]);
  await admin.hear([]);
  expect(view.listeners('request')).toEqual(0);
});

tap.test('what the primary has no time for is lost beyond a limit, and counted by kind', async () => {
  const { admin, tell, batches, taken, sent } = makeWorld();
  await admin.hear(['request', 'connection']);
  tell('connection', { id: 'first' });
  await sent(1);
  const path = 'x'.repeat(1_000);
  const count = Math.ceil(mostWaiting / 1_000) + 50;
  for (let i = 0; i < count; i++) tell('request', { path });
  tell('connection', { id: 'lost' });
  expect(batches.length).toEqual(1);
  taken[0]?.();
  const events = await sent(2);
  const dropped = new Map(batches[1]?.dropped);
  expect(events.length + (dropped.get('request') ?? 0)).toEqual(count);
  expect([(dropped.get('request') ?? 0) > 10, dropped.get('connection')]).toEqual([true, 1]);
  taken[1]?.();
  tell('connection', { id: 'later' });
  expect((await sent(3)).map(({ data }) => data)).toEqual([{ id: 'later' }]);
  expect([...(batches[2]?.dropped ?? [])]).toEqual([]);
});

tap.test('questions and answers are JSON; what was not attached says so', async () => {
  const { admin } = makeWorld();
  expect(await admin.answer({ name: 'explain', args: '[{"port":1}]' })).toEqual('{"text":"because"}');
  const fresh = new WorkerAdmin({ ask: async () => undefined } as never);
  await expect(fresh.answer({ name: 'status', args: '[]' })).rejects.toThrow(/not started/);
});

export default tap.start();
