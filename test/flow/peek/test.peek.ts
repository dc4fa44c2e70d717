// What a peek leaves behind once the connection is forwarded: nothing.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Connection } from '../../../ts/flow/connection.js';
import { peek } from '../../../ts/flow/peek/peek.js';
import { makeConnection } from '../../helpers/make-connection.js';
import { makeSocketPair } from '../../helpers/socket-pair.js';
import { expect, tap } from '../../helpers/tapbundle.js';
import { until } from '../../helpers/until.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Peeks with a callback that holds something, as the pipeline's holds the table of routes, and lets go of it. */
async function peekOnce(connection: Connection): Promise<WeakRef<object>> {
  const table = { name: 'a table of routes' };
  await new Promise<void>((resolve) => peek(connection, 'first-bytes', () => table.name.length > 0 && resolve()));
  return new WeakRef(table);
}

tap.test('what the callback of a peek holds is free once it was called, while the connection lives on', async () => {
  await using pair = await makeSocketPair();
  const connection = makeConnection({ incoming: pair.near });
  pair.far.write('\0 first bytes');
  const table = await peekOnce(connection);
  expect(connection.end).toEqual(null);
  expect(connection.bytesReceived).toEqual(13);
  const isFree = () => {
    collectGarbage();
    return table.deref() === undefined;
  };
  await until(isFree, 3_000, () => 'the table is free');
});

tap.test('a connection that ends while it is peeked stops the peek', async () => {
  await using pair = await makeSocketPair();
  const connection = makeConnection({ incoming: pair.near });
  let calls = 0;
  peek(connection, 'first-bytes', () => calls++);
  connection.finish('client_error');
  expect(pair.near.listenerCount('readable')).toEqual(0);
  expect(connection.stopPeeking).toEqual(null);
  expect(calls).toEqual(0);
});

export default tap.start();
