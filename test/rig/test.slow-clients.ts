// A thousand slow clients of each kind, by slowhttptest: others are served as before, and all of the slow ones are gone in time.
// LONG=1 has slow content and slow readers too.
// Runs alone: it measures how long answers take.

import { setTimeout as delay } from 'node:timers/promises';
import { needs, pathOf } from '../helpers/debian.js';
import { openRawHttp } from '../helpers/http-clients.js';
import { makeHttpRoute } from '../helpers/http-routes.js';
import { type IProcessState, type IProxyProcess, startProxyProcess } from '../helpers/proxy-process.js';
import { get } from '../helpers/requests.js';
import { startProcess } from '../helpers/rig-process.js';
import { expect, long, tap } from '../helpers/tapbundle.js';

const test = needs('slowhttptest');

tap.timeout(120_000);

const slowClients = 1_000;
/** So short that a run takes seconds; by default it is 10 s for heads, and half a minute and more for content. */
const http = {
  headersTimeout: 2_500,
  // Whose answer the kernel has taken as a whole is waited for like anybody else.
  keepAliveTimeout: 2_500,
  rateGrace: 1_500,
  minRequestBytesPerSecond: 500,
  minResponseBytesPerSecond: 50_000,
};

/** What each kind does, and how long one of its clients may stay; who was answered is heard for 2 s more. */
const kinds: readonly { name: string; args: readonly string[]; path: string; withinMs: number }[] = [
  { name: 'slow heads', args: ['-H', '-i', '1'], path: '/', withinMs: 4_500 },
  { name: 'slow content', args: ['-B', '-i', '1', '-s', '100000', '-x', '5'], path: '/', withinMs: 4_000 },
  {
    name: 'slow readers',
    args: ['-X', '-n', '1', '-z', '5', '-w', '64', '-y', '128'],
    path: '/large',
    withinMs: 3_000,
  },
];

/** Milliseconds that requests of an ordinary client take, for so long. */
async function timesOf(port: number, forMs: number): Promise<number[]> {
  await using client = await openRawHttp(port);
  const times: number[] = [];
  const endMs = performance.now() + forMs;
  while (performance.now() < endMs) {
    const startMs = performance.now();
    client.send(get('/quick'));
    const { status } = await client.readAnswer();
    expect(status).toEqual(200);
    times.push(performance.now() - startMs);
    await delay(2);
  }
  return times;
}

/** Connections that have come so far. */
const came = ({ live, ends }: Pick<IProcessState, 'live' | 'ends'>): number =>
  live + Object.values(ends).reduce((sum, count) => sum + count, 0);

const p99 = (times: readonly number[]): number =>
  [...times].sort((a, b) => a - b)[Math.floor(times.length * 0.99)] ?? 0;

/** A process of its own: what it does for slow clients must not slow down whoever measures. */
const originCode = `
  const large = Buffer.alloc(100_000, 'x');
  const server = require('http').createServer((request, response) => {
    if (request.url === '/large') response.end(large);
    else request.resume().on('end', () => response.end('ok'));
  });
  server.listen(0, '127.0.0.1', 4096, () => console.log('port ' + server.address().port));`;

async function startAttack(proxy: IProxyProcess, args: readonly string[], path: string) {
  const url = `http://127.0.0.1:${proxy.port}${path}`;
  const many = ['-c', String(slowClients), '-r', '1000', '-l', '60', '-p', '60', '-v', '0'];
  return startProcess(pathOf('slowhttptest'), [...args, ...many, '-u', url]);
}

for (const { name, args, path, withinMs } of long ? kinds : kinds.slice(0, 1)) {
  test(`${name}: other clients wait as long as before, and the slow ones are gone in time`, async () => {
    await using origin = await startProcess(process.execPath, ['-e', originCode], { ready: /port \d+/ });
    const originPort = Number(/port (\d+)/.exec(origin.output())?.[1]);
    await using proxy = await startProxyProcess({
      routes: [
        makeHttpRoute(originPort),
        { match: { ports: 0, path: '/quick' }, action: { type: 'respond', respond: { status: 200, body: 'ok' } } },
      ],
      http: { ...http, maxUpstreamConnections: 2_000 },
      stallTimeout: 3_000,
    });
    // A machine that is busy with other things may need another try. Where the proxy had most of a core left, it was not it that
    // let others wait.
    let told = '';
    for (let attempt = 0; attempt < 2; attempt++) {
      const usual = p99(await timesOf(proxy.port, 1_000));
      const { cpuMs, ...atFirst } = await proxy.state();
      const startMs = performance.now();
      await using attack = await startAttack(proxy, args, path);
      // Asking the process about itself would slow it down.
      const times = await timesOf(proxy.port, 3_000);
      let state = await proxy.state();
      const busy = (state.cpuMs - cpuMs) / (performance.now() - startMs);
      while (came(state) - came(atFirst) < slowClients && attack.isRunning()) {
        await delay(200);
        state = await proxy.state();
      }
      expect(came(state) - came(atFirst)).toBeGreaterThanOrEqual(slowClients);
      const lastMs = performance.now();
      while (state.live > 0 && performance.now() - lastMs < withinMs + 1_000) {
        await delay(200);
        state = await proxy.state();
      }
      expect(state.live).toEqual(0);
      const slowed = p99(times);
      told = `p99 ${usual.toFixed(1)} ms, with slow clients ${slowed.toFixed(1)} ms, ${Math.round(100 * busy)} % of a core`;
      if (slowed <= 2 * usual + 50 || busy < 0.4) return;
    }
    throw new Error(told);
  });
}

export default tap.start();
