// Questions, answers and news between two processes; here both ends are in one.

import { ConfigError, ProxyError } from '../../ts/base/errors.js';
import type { IHandle } from '../../ts/workers/handles.js';
import { type THandlers, Wire, WireError, WithHandle } from '../../ts/workers/wire.js';
import { expect, tap } from '../helpers/tapbundle.js';

interface ITopics {
  readonly double: { readonly in: number; readonly out: number };
  readonly fail: { readonly in: 'proxy' | 'config' | 'other'; readonly out: undefined };
  readonly give: { readonly in: null; readonly out: string };
  readonly note: { readonly in: string; readonly out: undefined };
}

function makePair() {
  const notes: string[] = [];
  const sent: unknown[][] = [];
  const handle: IHandle = { close: () => {} };
  const handlers: THandlers<ITopics> = {
    double: (number) => number * 2,
    fail: (how) => {
      if (how === 'proxy') throw new ProxyError('LISTEN_FAILED', 'taken');
      if (how === 'config') throw new ConfigError([{ path: 'routes[0]', want: 'a', got: 'b' }]);
      throw new Error('odd');
    },
    give: () => new WithHandle('here', handle),
    note: (text) => {
      notes.push(text);
      return undefined;
    },
  };
  const deaf: THandlers<object> = {};
  const near: Wire<ITopics, object> = new Wire<ITopics, object>(
    {
      send: (message, given) => {
        sent.push(message as unknown[]);
        setImmediate(() => far.received(structuredClone(message), given));
      },
    },
    deaf,
  );
  const far: Wire<object, ITopics> = new Wire<object, ITopics>(
    { send: (message, given) => void setImmediate(() => near.received(structuredClone(message), given)) },
    handlers,
  );
  return { near, far, notes, sent, handle };
}

const long = 60_000;

tap.test('a question has its answer, and many of one turn go in one message', async () => {
  const { near, sent } = makePair();
  const answers = await Promise.all([1, 2, 3].map((number) => near.ask('double', number, long)));
  expect(answers).toEqual([2, 4, 6]);
  expect(sent.map((message) => message.length)).toEqual([3]);
});

tap.test('errors arrive as what they were', async () => {
  const { near } = makePair();
  const [proxy, config, other] = await Promise.all(
    (['proxy', 'config', 'other'] as const).map((how) => near.ask('fail', how, long).catch((error: unknown) => error)),
  );
  expect(proxy).toBeInstanceOf(ProxyError);
  expect((proxy as ProxyError).code).toEqual('LISTEN_FAILED');
  expect((config as ConfigError).faults).toEqual([{ path: 'routes[0]', want: 'a', got: 'b' }]);
  expect(other instanceof ProxyError).toBeFalse();
  expect((other as Error).message).toEqual('odd');
});

tap.test('an answer may bring a handle', async () => {
  const { near, handle } = makePair();
  const answer = await near.askForHandle('give', null, long);
  expect(answer.data).toEqual('here');
  expect(answer.handle).toBe(handle);
});

tap.test('news with a handle do not overtake those before them', async () => {
  const { near, notes, handle } = makePair();
  near.tell('note', 'first');
  near.tell('note', 'second', handle);
  near.tell('note', 'third');
  await near.ask('double', 1, long);
  expect(notes).toEqual(['first', 'second', 'third']);
});

tap.test('whoever is asked too long, or is gone, gives no answer', async () => {
  const silent = new Wire<ITopics, object>({ send: () => {} }, {});
  const late: unknown = await silent.ask('double', 1, 1).catch((error: unknown) => error);
  expect(late).toBeInstanceOf(WireError);
  const asked = silent.ask('double', 1, long).catch((error: unknown) => error);
  silent.close();
  expect(await asked).toBeInstanceOf(WireError);
  expect(await silent.ask('double', 1, long).catch((error: unknown) => error)).toBeInstanceOf(WireError);
  let told: unknown = null;
  silent.tell('note', 'x', { close: () => {} }, (error) => {
    told = error;
  });
  expect(told).toBeInstanceOf(WireError);
});

tap.test('what comes after the end is not served, and its handle is closed', () => {
  const notes: string[] = [];
  let closed = 0;
  const handlers: THandlers<Pick<ITopics, 'note'>> = {
    note: (text) => {
      notes.push(text);
      return undefined;
    },
  };
  const wire = new Wire<object, Pick<ITopics, 'note'>>({ send: () => {} }, handlers);
  const message = [{ kind: 'tell', id: 0, topic: 'note', data: 'late' }];
  wire.received(message, null);
  wire.close();
  wire.received(message, { close: () => closed++ });
  expect([notes, closed]).toEqual([['late'], 1]);
});

export default tap.start();
