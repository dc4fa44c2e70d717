// Everything at a time for a while, in one proxy: no unexpected error, no memory that grows, no descriptor that stays.
// SOAK_MINUTES=20 goes on for so long, and says what it found; without it the run is a short one.

import { setTimeout as delay } from 'node:timers/promises';
import type { IRouteConfig } from '../../ts/index.js';
import { makeCertificate } from '../helpers/certificates.js';
import { type IProcessState, startProxyProcess } from '../helpers/proxy-process.js';
import { startSoakLoad } from '../helpers/soak-load.js';
import { startEchoSoakOrigin, startHttpSoakOrigin, startTlsSoakOrigin } from '../helpers/soak-origins.js';
import { expect, tap } from '../helpers/tapbundle.js';

const minutes = Number(process.env.SOAK_MINUTES ?? 0);
const wholeMs = minutes > 0 ? minutes * 60_000 : 20_000;
/** In the short run everything happens more often, and V8 has not settled when it ends. */
const [reloadMs, share, roomBytes] = minutes > 0 ? [5_000, 0.05, 0] : [1_000, 0.15, 3 * 2 ** 20];

tap.timeout(wholeMs + 90_000);

tap.test(
  'mixed traffic over reloads and dying targets: no unexpected error, nothing grows, nothing stays',
  async (t) => {
    const [own, theirs] = await Promise.all([
      makeCertificate({ names: ['a.test'] }),
      makeCertificate({ names: ['p.test'], authority: 'target' }),
    ]);
    const web = await startHttpSoakOrigin();
    const mortal = await startHttpSoakOrigin();
    const secure = await startTlsSoakOrigin(theirs);
    const echo = await startEchoSoakOrigin();
    await using proxy = await startProxyProcess({ routes: routesOf(0) });
    function routesOf(round: number): IRouteConfig[] {
      const to = ({ port }: { port: number }) => ({ type: 'forward' as const, target: { host: '127.0.0.1', port } });
      const { cert, key } = own;
      const tls = { mode: 'terminate' as const, certificate: { cert, key } };
      return [
        { name: 'web', match: { ports: 0, domains: 'a.test', protocol: 'http' }, action: to(web) },
        { name: 'mortal', match: { ports: 0, domains: 'mortal.test', protocol: 'http' }, action: to(mortal) },
        { name: 'secure', match: { ports: 0, domains: 'a.test' }, action: { ...to(web), tls } },
        {
          name: 'pass',
          match: { ports: 0, domains: 'p.test' },
          action: { ...to(secure), tls: { mode: 'passthrough' } },
        },
        { name: 'bytes', match: { ports: 0, protocol: 'other' }, action: to(echo) },
        // What the reloads change.
        ...Array.from({ length: 10 }, (_, n) => ({
          name: `round-${round}-${n}`,
          match: { ports: 0, domains: `r${round}-${n}.test`, path: `/${round}/*` },
          action: to(web),
        })),
      ];
    }
    const begin = await proxy.state();
    const load = startSoakLoad(proxy.port, theirs.ca);
    const samples: IProcessState[] = [];
    const endMs = performance.now() + wholeMs;
    let reloads = 0;
    let isDead = false;
    while (performance.now() < endMs) {
      await delay(reloadMs);
      reloads++;
      samples.push(await proxy.update(routesOf(reloads)));
      if (reloads % 3 !== 0) continue;
      await (isDead ? mortal.rise() : mortal.die());
      isDead = !isDead;
    }
    await load.stop();
    for (const origin of [web, mortal, secure, echo]) await origin[Symbol.asyncDispose]();
    const end = await settled(proxy);

    const { good, expected, unexpected } = load.counts;
    const thirds = [0, 1, 2].map((n) =>
      samples.slice(Math.ceil((n * samples.length) / 3), ((n + 1) * samples.length) / 3),
    );
    const means = (of: (state: IProcessState) => number) => thirds.map((third) => mean(third.map(of)));
    const rss = means(({ memoryBytes }) => memoryBytes);
    const used = means(({ heapBytes, bufferBytes }) => heapBytes + bufferBytes);
    const mebi = (numbers: readonly number[]) => numbers.map((bytes) => (bytes / 2 ** 20).toFixed(1)).join(' ');
    t.diagnostic(`${reloads} reloads; turns: ${JSON.stringify(Object.fromEntries(good))}`);
    t.diagnostic(`while the target was dead: ${JSON.stringify(Object.fromEntries(expected))}`);
    t.diagnostic(
      `ends: ${JSON.stringify(Object.fromEntries(Object.entries(end.ends).filter(([, count]) => count > 0)))}`,
    );
    t.diagnostic(
      `MiB by thirds: rss ${mebi(rss)}; in use ${mebi(used)}; descriptors ${begin.descriptors} ${end.descriptors}`,
    );

    expect(unexpected).toEqual([]);
    for (const [name, count] of good) if (count < 2) throw new Error(`${name}: hardly any traffic`);
    expect(good.size).toEqual(10);
    expect(expected.size).toBeGreaterThan(0);
    expect(end.ends.internal_error ?? 0).toEqual(0);
    expect([end.live, end.descriptors]).toEqual([0, begin.descriptors]);
    for (const [, second = 0, third = 0] of [rss, used]) expect(third).toBeLessThan(second * (1 + share) + roomBytes);
  },
);

/** What is left once nobody is there any more. */
async function settled(proxy: { state(): Promise<IProcessState> }): Promise<IProcessState> {
  let [before, state] = [0, await proxy.state()];
  for (let tries = 0; tries < 50 && (state.live > 0 || state.descriptors !== before); tries++) {
    before = state.descriptors;
    await delay(100);
    state = await proxy.state();
  }
  return state;
}

const mean = (numbers: readonly number[]): number => numbers.reduce((sum, n) => sum + n, 0) / numbers.length;

export default tap.start();
