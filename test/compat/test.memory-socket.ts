// A connection in memory has a socket's manners: order, backpressure, half-close, reset.

import { once } from 'node:events';
import type { Socket } from 'node:net';
import { connectInMemory } from '../../ts/compat/memory-socket.js';
import { expect, tap } from '../helpers/tapbundle.js';

const address = { remoteAddress: '192.0.2.1', remotePort: 5, localAddress: '192.0.2.2', localPort: 80 };

tap.test('both ends say what the other hears, and each can end by itself', async () => {
  const [served, other] = connectInMemory(address);
  expect([served.remoteAddress, served.localPort, other.remoteAddress]).toEqual(['192.0.2.1', 80, undefined]);
  const heard = [readAll(served), readAll(other)] as const;
  other.end('question');
  expect(await heard[0]).toEqual('question');
  served.end('answer');
  expect([await heard[1], served.bytesRead, served.bytesWritten]).toEqual(['answer', 8, 6]);
});

function readAll(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk;
  });
  return new Promise((resolve) => socket.once('end', () => resolve(text)));
}

tap.test('a writer waits for its reader', async () => {
  const [served, other] = connectInMemory(address);
  const chunk = Buffer.alloc(10_000, 'x');
  let written = 0;
  while (other.write(chunk) && written < 1_000) written += 1;
  expect(written).toBeLessThan(1_000);
  const drained = once(other, 'drain');
  served.resume();
  await drained;
  served.destroy();
  other.destroy();
});

tap.test('a reset is heard as an error, a close without one as an end', async () => {
  const [served, other] = connectInMemory(address);
  const broken = once(other, 'error');
  served.resetAndDestroy();
  expect(((await broken) as [NodeJS.ErrnoException])[0].code).toEqual('ECONNRESET');
  expect([served.destroyed, other.destroyed]).toEqual([true, true]);

  const [left, right] = connectInMemory(address);
  right.resume();
  left.destroy();
  await once(right, 'end');
  right.write('to nobody');
  await once(right, 'close');
});

tap.test('what was written before it is to be destroyed soon arrives', async () => {
  const [served, other] = connectInMemory(address);
  const closed = once(served, 'close');
  served.write('first');
  served.destroySoon();
  let came = '';
  other.on('data', (chunk) => {
    came += chunk;
  });
  await Promise.all([once(other, 'end'), closed]);
  expect([came, served.destroyed]).toEqual(['first', true]);
});

export default tap.start();
