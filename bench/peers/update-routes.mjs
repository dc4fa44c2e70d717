// Our proxy with many routes, whose routes are replaced while a connection is open through it.

import { once } from 'node:events';
import { connect } from 'node:net';
import { SmartProxy } from '../../dist_ts/index.js';

const { count, rounds, target } = JSON.parse(process.argv[2]);

const makeRoute = (n, generation) => ({
  name: `route-${n}`,
  match: { ports: 0, domains: `site-${n}.bench.test` },
  action: { type: 'forward', target: { host: '127.0.0.1', port: 1_024 + generation }, tls: { mode: 'passthrough' } },
});
/** The last route takes what names no host, for the connection that must live on. */
const makeRoutes = (generation) => [
  ...Array.from({ length: count - 1 }, (_, n) => makeRoute(n, generation)),
  { name: 'bytes', match: { ports: 0 }, action: { type: 'forward', target } },
];

async function timed(work) {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
}

/** The zero in front says at once that it is neither TLS nor HTTP. */
async function echoes(socket, text) {
  socket.write(`\0${text}`);
  const [answer] = await once(socket, 'data');
  if (String(answer) !== `\0${text}`) throw new Error(`sent ${text}, got ${answer}`);
}

let routes = makeRoutes(0);
const proxy = new SmartProxy({ routes, listenAddress: '127.0.0.1' });
await proxy.start();
const socket = connect({ port: proxy.getListeningPorts()[0], host: '127.0.0.1' });
socket.on('close', () => {
  throw new Error('the connection was cut');
});
await echoes(socket, 'before');

const samples = { all: [], one: [] };
for (let round = 0; round < rounds; round++) {
  const replaced = makeRoutes(round + 1);
  samples.all.push(await timed(() => proxy.updateRoutes(replaced)));
  routes = replaced.with(round, makeRoute(round, 50_000));
  samples.one.push(await timed(() => proxy.updateRoutes(routes)));
  await echoes(socket, `round ${round}`);
}
process.send({ samples });
process.on('disconnect', () => process.exit());
