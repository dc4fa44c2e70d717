import { ConnectionManager, type IConnectionRecord } from '../../ts/index.js';
import { makeFakeClock } from '../helpers/fake-clock.js';
import { makeSocketPair } from '../helpers/socket-pair.js';
import { expect, tap } from '../helpers/tapbundle.js';

const limits = { maxConnections: 2, initialDataTimeoutMs: 10_000 };

tap.test('a record is made with its socket, and ended once, by the first reason', async () => {
  await using pair = await makeSocketPair();
  const manager = new ConnectionManager(limits);
  const made = manager.createConnection(pair.near);
  if (made === null) throw new Error('it should have been let in');
  const record: IConnectionRecord = made;
  expect([record.clientIp, record.localPort, record.phase]).toEqual(['127.0.0.1', pair.near.localPort, 'accept']);
  expect([record.connectionClosed, manager.size, manager.accepted, manager.ended]).toEqual([false, 1, 1, 0]);
  expect([manager.cleanupConnection(made, 'no_route'), manager.cleanupConnection(made, 'shutdown')]).toEqual([
    true,
    false,
  ]);
  expect([record.connectionClosed, record.end]).toEqual([true, 'no_route']);
  expect([pair.near.destroyed, manager.size, manager.accepted, manager.ended]).toEqual([true, 0, 1, 1]);
  expect(made.signal.aborted).toBeTrue();
  await manager.cleanup();
});

tap.test('the old name of the cleanup queues nothing', async () => {
  await using pair = await makeSocketPair();
  const manager = new ConnectionManager(limits);
  const made = manager.createConnection(pair.near);
  if (made === null) throw new Error('it should have been let in');
  expect(manager.initiateCleanupOnce(made, 'no_route')).toBeTrue();
  expect([made.end, manager.size]).toEqual(['no_route', 0]);
  await manager.cleanup();
});

tap.test('beyond the limit, and after the cleanup, there is no record and the socket is destroyed', async () => {
  await using a = await makeSocketPair();
  await using b = await makeSocketPair();
  await using c = await makeSocketPair();
  await using d = await makeSocketPair();
  const refused: string[] = [];
  const observer = {
    connectionOpened() {},
    connectionRouted() {},
    connectionEnded() {},
    connectionRefused: (_: string, end: string) => refused.push(end),
  };
  const manager = new ConnectionManager({ ...limits, maxConnections: 1, observers: [observer] });
  expect(manager.createConnection(a.near)?.id).toEqual('1');
  // One may say what it wants before it is closed; there is no place for another.
  expect([manager.createConnection(b.near), b.near.destroyed, manager.size]).toEqual([null, false, 1]);
  expect([manager.createConnection(d.near), d.near.destroyed, manager.size]).toEqual([null, true, 1]);
  await manager.cleanup();
  expect([a.near.destroyed, b.near.destroyed, manager.size]).toEqual([true, true, 0]);
  expect([manager.createConnection(c.near), c.near.destroyed]).toEqual([null, true]);
  expect(refused).toEqual(['connection_limit', 'connection_limit', 'connection_limit']);
});

tap.test('a client that leaves before anything is known of it ends its record', async () => {
  await using pair = await makeSocketPair();
  const manager = new ConnectionManager(limits);
  const made = manager.createConnection(pair.near);
  const closed = new Promise((resolve) => pair.near.once('close', resolve));
  pair.far.resetAndDestroy();
  await closed;
  expect([made?.end, manager.size]).toEqual(['client_error', 0]);
});

tap.test('waiting until nobody is left ends with the last one, or with its time', async () => {
  await using pair = await makeSocketPair();
  const clock = makeFakeClock();
  const manager = new ConnectionManager({ ...limits, clock });
  await manager.whenEmpty(1_000);
  const made = manager.createConnection(pair.near);
  if (made === null) throw new Error('it should have been let in');
  const inTime = manager.whenEmpty(1_000);
  clock.advance(1_000);
  await inTime;
  expect(manager.size).toEqual(1);
  const emptied = manager.whenEmpty(1_000);
  manager.cleanupConnection(made, 'shutdown');
  await emptied;
  expect(clock.pending).toEqual(0);
});

export default tap.start();
