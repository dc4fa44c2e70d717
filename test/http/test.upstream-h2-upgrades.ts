import { ProxyError } from '../../ts/base/errors.js';
import type { IOrigin } from '../../ts/http/exchange-types.js';
import type { UpstreamH2Origin } from '../../ts/http/upstream-h2-origin.js';
import { type IUpgradeSource, UpstreamH2Upgrades } from '../../ts/http/upstream-h2-upgrades.js';
import type { IUpstreamPool } from '../../ts/http/upstream-types.js';
import { expect, tap } from '../helpers/tapbundle.js';

const stats = { open: 1, idle: 0, waiting: 0 };
const { signal } = new AbortController();

/** A pool whose next origin allows them, or does not; or that fails. */
function makeSource(next: boolean | Error, atHand = true) {
  const cancelled: string[] = [];
  const make = (): UpstreamH2Origin => {
    if (next instanceof Error) throw next;
    return { allowsUpgrade: next, cancel: () => cancelled.push('cancel') } as unknown as UpstreamH2Origin;
  };
  const source: IUpgradeSource = {
    name: 'a.test:443',
    stats,
    take: () => (atHand ? make() : null),
    wait: async () => make(),
  };
  return { source, cancelled };
}

const http1 = { name: 'of HTTP/1.1' } as unknown as IOrigin;
const otherwise = { wait: async () => http1 } as unknown as IUpstreamPool;
const codeOf = (asked: Promise<unknown>) => asked.then(String, (error) => (error as { code?: string }).code);

tap.test('a connection that allows them is lent, at hand or waited for', async () => {
  const { source, cancelled } = makeSource(true);
  const pool = new UpstreamH2Upgrades(source, null);
  expect([pool.take()?.allowsUpgrade, pool.stats === stats, pool.forUpgrades === pool]).toEqual([true, true, true]);
  expect(((await pool.wait(false, signal)) as UpstreamH2Origin).allowsUpgrade).toBeTrue();
  expect(new UpstreamH2Upgrades(makeSource(true, false).source, null).take()).toBeNull();
  expect(cancelled).toEqual([]);
});

tap.test('one that does not is given back; the target is spoken to otherwise, or there is none', async () => {
  const { source, cancelled } = makeSource(false);
  expect(new UpstreamH2Upgrades(source, null).take()).toBeNull();
  expect(await codeOf(new UpstreamH2Upgrades(source, null).wait(false, signal))).toEqual('TARGET_VERSION');
  expect((await new UpstreamH2Upgrades(source, otherwise).wait(false, signal)) === http1).toBeTrue();
  expect(cancelled.length).toEqual(3);
});

tap.test('a target that has changed its mind is spoken to otherwise, one that fails has failed', async () => {
  const changed = makeSource(new Error('speaks HTTP/1.1')).source;
  expect((await new UpstreamH2Upgrades(changed, otherwise).wait(false, signal)) === http1).toBeTrue();
  const failed = makeSource(new ProxyError('TARGET_UNREACHABLE', '')).source;
  expect(await codeOf(new UpstreamH2Upgrades(failed, otherwise).wait(false, signal))).toEqual('TARGET_UNREACHABLE');
  const left = AbortSignal.abort(new Error('left'));
  expect(await codeOf(new UpstreamH2Upgrades(changed, otherwise).wait(false, left))).toBeUndefined();
});

export default tap.start();
