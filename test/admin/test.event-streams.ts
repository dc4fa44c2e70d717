import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { EventStreams, heartbeatMs, maxStreams, maxWaitingBytes } from '../../ts/admin/event-streams.js';
import type { TAdminEventKind } from '../../ts/admin/view.js';
import { makeFakeView } from '../helpers/admin-world.js';
import { makeFakeClock } from '../helpers/fake-clock.js';
import { expect, tap } from '../helpers/tapbundle.js';

/** An answer whose reader takes nothing until it is told to. */
class FakeResponse extends EventEmitter {
  written: string[] = [];
  writableLength = 0;
  isReading = true;
  isEnded = false;
  readonly socket = { bytesWritten: 0 };

  writeHead() {
    return this;
  }

  write(text: string) {
    this.written.push(text);
    this.socket.bytesWritten += text.length;
    if (!this.isReading) this.writableLength += text.length;
    return true;
  }

  end() {
    this.isEnded = true;
    this.emit('close');
  }

  destroy() {
    this.end();
  }
}

function makeWorld() {
  const clock = makeFakeClock();
  const view = makeFakeView();
  const streams = new EventStreams(view, clock);
  const open = async (...kinds: TAdminEventKind[]) => {
    const response = new FakeResponse();
    await streams.open(response as unknown as ServerResponse, new Set(kinds));
    response.written = [];
    return response;
  };
  const tell = (kind: TAdminEventKind, data: object = {}) => view.tell({ kind, at: 1, data });
  return { clock, view, streams, open, tell };
}

tap.test('each listener gets what it asked for, as one line each', async () => {
  const { open, tell, view } = makeWorld();
  const one = await open('request', 'target-up');
  const other = await open('target-up');
  tell('request', { path: '/a\n\ndata: forged' });
  tell('target-up', { target: 'a:1' });
  tell('error', {});
  expect(one.written).toEqual([
    'data: {"kind":"request","at":1,"data":{"path":"/a\\n\\ndata: forged"}}\n\n',
    'data: {"kind":"target-up","at":1,"data":{"target":"a:1"}}\n\n',
  ]);
  expect(other.written).toEqual(one.written.slice(1));
  expect([view.listeners('request'), view.listeners('target-up'), view.listeners('error')]).toEqual([1, 1, 0]);
});

tap.test('nobody is listened to any more when the last one has left', async () => {
  const { open, view, streams, clock } = makeWorld();
  const [one, other] = [await open('request'), await open('request', 'error')];
  one.emit('close');
  expect([view.listeners('request'), streams.size]).toEqual([1, 1]);
  other.emit('close');
  expect([view.listeners('request'), view.listeners('error'), streams.size, clock.pending]).toEqual([0, 0, 0, 0]);
});

tap.test('who leaves while it is being signed up is signed off', async () => {
  const clock = makeFakeClock();
  const fake = makeFakeView();
  const response = new FakeResponse();
  const view = makeFakeView({
    subscribe: async (kinds, hear) => {
      response.emit('close');
      return fake.subscribe(kinds, hear);
    },
  });
  const streams = new EventStreams(view, clock);
  await streams.open(response as unknown as ServerResponse, new Set(['request', 'error'] as const));
  expect([fake.listeners('request'), fake.listeners('error'), streams.size, clock.pending]).toEqual([0, 0, 0, 0]);
});

tap.test('who does not read loses events, is told how many, and holds up nobody', async () => {
  const { open, tell, streams } = makeWorld();
  const [slow, quick] = [await open('request'), await open('request')];
  slow.isReading = false;
  const data = { path: 'x'.repeat(1000) };
  const count = 2 * Math.ceil(maxWaitingBytes / 1000);
  for (let n = 0; n < count; n++) tell('request', data);
  expect(quick.written).toHaveLength(count);
  const taken = slow.written.length;
  expect(slow.writableLength).toBeGreaterThan(maxWaitingBytes);
  expect(slow.writableLength).toBeLessThan(maxWaitingBytes + 2000);
  expect(streams.dropped).toEqual(count - taken);
  slow.writableLength = 0;
  slow.isReading = true;
  tell('request', data);
  const told = JSON.parse(slow.written[taken]?.slice(6) ?? '') as { kind: string; data: object };
  expect([told.kind, told.data]).toEqual(['dropped', { count: count - taken }]);
  expect(slow.written).toHaveLength(taken + 2);
  tell('request', data);
  expect(slow.written).toHaveLength(taken + 3);
});

tap.test('who takes nothing for a minute is given up, who is only slow is not', async () => {
  const { open, streams, clock } = makeWorld();
  const [stuck, slow, idle] = [await open('request'), await open('request'), await open('request')];
  for (const response of [stuck, slow]) {
    response.isReading = false;
    response.write('x'.repeat(1000));
  }
  for (let beat = 0; beat < 6; beat++) {
    slow.writableLength -= 10;
    clock.advance(heartbeatMs);
  }
  expect([stuck.isEnded, slow.isEnded, idle.isEnded, streams.size]).toEqual([true, false, false, 2]);
  expect(idle.written).toEqual(Array(6).fill(':\n\n'));
});

tap.test('there are so many listeners and no more, until one leaves', async () => {
  const { open, streams } = makeWorld();
  const all: FakeResponse[] = [];
  for (let n = 0; n < maxStreams; n++) all.push(await open('request'));
  await expect(open('request')).rejects.toThrow(/listeners are there/);
  all[0]?.emit('close');
  await open('request');
  expect(streams.size).toEqual(maxStreams);
  streams.close();
  expect([streams.size, all.every(({ isEnded }, n) => isEnded || n === 0)]).toEqual([0, true]);
});

tap.test('a view that fails to sign up leaves nothing behind', async () => {
  let works = false;
  const fake = makeFakeView();
  const view = makeFakeView({
    subscribe: async (...args) => (works ? fake.subscribe(...args) : Promise.reject(new Error('no'))),
  });
  const streams = new EventStreams(view, makeFakeClock());
  const failing = new FakeResponse();
  await expect(streams.open(failing as unknown as ServerResponse, new Set(['request'] as const))).rejects.toThrow('no');
  failing.emit('close');
  works = true;
  await streams.open(new FakeResponse() as unknown as ServerResponse, new Set(['request'] as const));
  expect(fake.listeners('request')).toEqual(1);
  streams.close();
  expect(fake.listeners('request')).toEqual(0);
});

export default tap.start();
