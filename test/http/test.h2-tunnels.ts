import { silentLogger } from '../../ts/base/logger.js';
import type { TEnd } from '../../ts/flow/ends.js';
import type { H2TunnelSocket } from '../../ts/http/h2-tunnel-socket.js';
import { H2Tunnels } from '../../ts/http/h2-tunnels.js';
import { makeFakeClock } from '../helpers/fake-clock.js';
import { makeConnection } from '../helpers/make-connection.js';
import { makeSocketPair } from '../helpers/socket-pair.js';
import { expect, tap } from '../helpers/tapbundle.js';

async function makeWorld() {
  const clock = makeFakeClock();
  const tunnels = new H2Tunnels({ clock, logger: silentLogger });
  const carrier = makeConnection();
  const pair = await makeSocketPair();
  const open = (id: number) => tunnels.open({ asSocket: pair.near } as H2TunnelSocket, carrier, id);
  return { clock, tunnels, carrier, pair, open };
}

tap.test('each tunnel has a record of its own, whose limits end it alone', async () => {
  const { clock, tunnels, carrier, pair, open } = await makeWorld();
  const [one, two] = [open(1), open(3)];
  expect([one.id, two.id, one.clientIp, tunnels.size]).toEqual([
    `${carrier.id}.1`,
    `${carrier.id}.3`,
    carrier.clientIp,
    2,
  ]);
  let released = 0;
  one.whenEnded(() => released++);
  one.limitFromMs = clock.nowMs();
  one.limitMs = 1_000;
  one.limitEnd = 'ping_timeout';
  tunnels.deadlines.reschedule(one);
  clock.advance(1_000);
  expect([one.end, two.end, carrier.end, tunnels.size, released]).toEqual(['ping_timeout', null, null, 1, 1]);
  const again: TEnd = 'shutdown';
  expect([tunnels.cleanupConnection(one, again), one.end]).toEqual([false, 'ping_timeout']);
  expect([tunnels.cleanupConnection(two, again), two.end, tunnels.size]).toEqual([true, 'shutdown', 0]);
  expect(pair.near.destroyed).toBeTrue();
  await pair[Symbol.asyncDispose]();
});

export default tap.start();
