import type { Socket } from 'node:net';
import { startOrigin } from '../helpers/origins.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';
import { Heard, makeHead, UpstreamWorld } from '../helpers/upstream-world.js';

/** A target that answers as soon as it hears something, and closes with the rest of the request unread. */
const startImpatient = (answer: string | Buffer) =>
  startOrigin((socket) => {
    socket.once('data', () => {
      socket.pause();
      if (answer.length === 0) socket.resetAndDestroy();
      else socket.write(answer, () => socket.destroy());
    });
  });

/** Uploads piece by piece, a piece each turn of the event loop, as far as the target takes it. */
async function upload(world: UpstreamWorld, port: number): Promise<Heard> {
  const origin = await world.acquire(world.want(port));
  const heard = new Heard();
  origin.send(makeHead({ method: 'POST', contentLength: 5_000_000 }), heard);
  let left = 100;
  const more = () => {
    if (heard.over || left-- === 0) return;
    if (origin.data(Buffer.alloc(50_000))) setImmediate(more);
  };
  heard.on = (call) => call === 'drained' && more();
  more();
  return await heard.end();
}

tap.test('an answer that came before a write failed is heard', async () => {
  await using target = await startImpatient(
    'HTTP/1.1 413 Too Large\r\nContent-Length: 7\r\nConnection: keep-alive\r\n\r\ntoo big',
  );
  await using world = new UpstreamWorld();
  for (let count = 0; count < 10; count++) {
    const heard = await upload(world, target.port);
    expect([heard.status, heard.body, heard.code]).toEqual([413, 'too big', '']);
    expect(world.upstreams.stats.open).toEqual(0);
  }
});

tap.test('a long one too, whole or, where the reset cut it, as a failure', async () => {
  const content = 'x'.repeat(200_000);
  await using target = await startImpatient(`HTTP/1.1 413 Too Large\r\nContent-Length: 200000\r\n\r\n${content}`);
  await using world = new UpstreamWorld();
  for (let count = 0; count < 10; count++) {
    const heard = await upload(world, target.port);
    if (heard.failure === null) expect(heard.body).toEqual(content);
    else expect(heard.code).toEqual('TARGET_BROKE');
    expect(world.upstreams.stats.open).toEqual(0);
  }
});

tap.test('where there is none, the failure is told at once, and no socket is left', async () => {
  await using target = await startImpatient('');
  await using world = new UpstreamWorld();
  for (let count = 0; count < 10; count++) {
    const heard = await upload(world, target.port);
    expect(heard.code).toEqual('TARGET_BROKE');
    expect(heard.failure?.unsent).toEqual(false);
    expect(world.upstreams.stats.open).toEqual(0);
  }
  await until(
    () => target.open === 0,
    5_000,
    () => 'the end of all connections',
  );
});

tap.test('a reader who pauses hears the rest when it goes on', async () => {
  const content = 'y'.repeat(20_000);
  await using target = await startImpatient(`HTTP/1.1 413 Too Large\r\nContent-Length: 20000\r\n\r\n${content}`);
  await using world = new UpstreamWorld();
  const origin = await world.acquire(world.want(target.port));
  const { socket } = origin as unknown as { socket: Socket };
  const heard = new Heard();
  origin.send(makeHead({ method: 'POST', contentLength: 5_000_000 }), heard);
  origin.hold();
  origin.data(Buffer.alloc(50_000));
  await until(
    () => target.open === 0,
    5_000,
    () => 'the reset',
  );
  // The write meets the reset; nobody reads meanwhile.
  origin.data(Buffer.alloc(50_000));
  for (let turns = 0; turns < 20; turns++) await new Promise((resolve) => setImmediate(resolve));
  expect([heard.over, socket.destroyed]).toEqual([false, false]);
  origin.pull();
  await heard.end();
  expect([heard.status, heard.body.length, heard.code]).toEqual([413, 20_000, '']);
  expect(socket.destroyed).toEqual(true);
});

export default tap.start();
