// NfTablesProxy and the commands of the command line, with an nft that has no kernel.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { nftClean, nftShow } from '../../ts/cli/nft.js';
import { type INfTablesProxyOptions, NfTablesProxy, NftValidationError } from '../../ts/index.js';
import { lineOf } from '../../ts/nftables/owner.js';
import { fakeHost } from '../helpers/fake-host.js';
import { fakeKernel, type IFakeKernel } from '../helpers/fake-kernel.js';
import type { TTables } from '../helpers/fake-tables.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { moduleUrl, nodeArgs } from '../helpers/this-run.js';

/** Whoever runs nft runs this one. The machine's own switches are read, so targets are redirected ones: they need none. */
async function withFake(work: (fake: IFakeKernel) => Promise<void>): Promise<void> {
  await using fake = await fakeKernel();
  const path = process.env.PATH;
  process.env.PATH = `${fake.folder}:${path}`;
  try {
    await work(fake);
  } finally {
    process.env.PATH = path;
  }
}

const netProxyIntegration = { enabled: true, sslTerminationPort: 8443, redirectLocalhost: true };
const options: INfTablesProxyOptions = { fromPort: 443, toPort: 443, netProxyIntegration };

tap.test('it starts, tells what was counted, and stops, as often as one likes', async () => {
  await withFake(async (fake) => {
    const lines: unknown[] = [];
    const log = (fields: object, text: string) => lines.push([fields, text]);
    const logger = { debug: log, info: log, warn: log, error: log };
    const proxy = new NfTablesProxy({ ...options, enableLogging: true, logFormat: 'json', logger, ipv6Support: true });
    expect((await proxy.getStatus()).active).toBeFalse();
    for (let i = 0; i < 2; i++) {
      await proxy.start();
      await proxy.start();
      expect(Object.keys(fake.tables)).toEqual([proxy.tableName]);
      const status = await proxy.getStatus();
      expect([status.active, status.connections, status.bytesIn]).toEqual([true, 7, 700]);
      await proxy.stop();
      expect(fake.tables).toEqual({});
    }
    expect(lines).toHaveLength(4);
    expect(JSON.stringify(lines[0])).toContain(proxy.tableName);
    await proxy.cleanup();
  });
});

tap.test('what is plain is a sentence, and the second stop does nothing', async () => {
  await withFake(async (fake) => {
    const texts: string[] = [];
    const log = (_: object, text: string) => texts.push(text);
    const logger = { debug: log, info: log, warn: log, error: log };
    const proxy = new NfTablesProxy({
      ...options,
      enableLogging: true,
      logger,
      qos: { enabled: true, maxRate: '1mbps' },
    });
    await proxy.start();
    expect(texts[0]).toMatch(/^forwarding in the kernel: 443 to 127\.0\.0\.1 443/);
    await proxy.stop();
    await proxy.stop();
    proxy.stopSync();
    expect(fake.tables).toEqual({});
    expect((await proxy.getStatus()).active).toBeFalse();
  });
});

tap.test('every fault of the options is told at once', () => {
  const bad = {
    fromPort: 0,
    toPort: [1, 2],
    toHost: 'a b',
    protocol: 'sctp',
    tableName: 'inet',
    ipAllowList: ['10.?.?.1'],
    ipBlockList: 'all',
    qos: { enabled: true, maxRate: '5', priority: 11 },
    netProxyIntegration: { enabled: true },
    maxRetries: -1,
    retryDelayMs: 1.5,
    logFormat: 'xml',
    ipv6Support: 'yes',
    color: 'red',
  };
  try {
    new NfTablesProxy(bad as never);
    throw new Error('nothing was refused');
  } catch (error) {
    expect(error instanceof NftValidationError).toBeTrue();
    expect((error as NftValidationError).faults).toHaveLength(14);
  }
  const apart = { fromPort: { from: 1, to: 5 }, toPort: { from: 11, to: 14 } };
  expect(() => new NfTablesProxy(apart)).toThrow('as many in the same order');
});

const owned = (line: string) => [{ chain: { name: 'owner' } }, { rule: { chain: 'owner', comment: line } }];
const gone = lineOf({ pid: 1, start: '1', boot: '0', space: '0', mark: 1 });

tap.test('a long host that is none is refused at once', () => {
  const startedAt = process.cpuUsage().user;
  for (const toHost of [`${'a'.repeat(200)}!`, `${'a.'.repeat(120)}!`, 'a'.repeat(100_000)]) {
    expect(() => new NfTablesProxy({ fromPort: 80, toPort: 80, toHost })).toThrow('toHost');
  }
  // Microseconds of this process alone; a pattern that tries every way takes years.
  expect(process.cpuUsage().user - startedAt).toBeLessThan(5_000_000);
  expect(() => new NfTablesProxy(null as unknown as { fromPort: 1; toPort: 1 })).toThrow('options: want an object');
});

tap.test('the command line shows the tables of proxies and removes those of processes that are gone', async () => {
  await withFake(async (fake) => {
    const host = fakeHost();
    await nftShow({}, host);
    await nftClean({}, host);
    fake.tables = { left_1: owned(gone), foreign_1: owned('x') } as TTables;
    const proxy = new NfTablesProxy({ ...options, tableName: 'mine_1' });
    // What starts removes what was left already.
    await proxy.start();
    fake.tables = { ...fake.tables, left_2: owned(gone) } as TTables;
    await nftShow({}, host);
    await nftShow({ json: true }, host);
    await nftClean({}, host);
    expect(Object.keys(fake.tables)).toEqual(['foreign_1', 'mine_1']);
    await nftClean({ all: true, json: true }, host);
    expect(Object.keys(fake.tables)).toEqual(['foreign_1']);
    const [none, nothing, mine, left, data = '', removed, all = ''] = host.lines;
    expect([none, nothing]).toEqual(['no proxy has rules in the kernel', 'nothing to remove']);
    expect(mine).toContain(
      `table inet mine_1 of process ${process.pid}\n  ports 443: 7 connections, 700 bytes in, 700 out; packets refused`,
    );
    expect(left).toEqual('table inet left_2 of process 1, which is gone: smartproxy nft clean');
    expect(JSON.parse(data).map(({ name }: { name: string }) => name)).toEqual(['mine_1', 'left_2']);
    expect([removed, JSON.parse(all)]).toEqual(['removed table inet left_2', { removed: ['mine_1'] }]);
    await proxy.stop();
  });
});

tap.test('rules in force keep their process running, as an open port does, and go when it exits', async () => {
  await withFake(async (fake) => {
    const code = `
      import { NfTablesProxy } from '${moduleUrl('ts/index.ts')}';
      const proxy = new NfTablesProxy(${JSON.stringify(options)});
      await proxy.start();
      console.log('started');
      process.stdin.once('data', () => process.exit()).unref();
    `;
    const child = spawn(process.execPath, [...nodeArgs, '--input-type=module', '-e', code]);
    child.stderr.pipe(process.stderr);
    await once(child.stdout, 'data');
    expect(Object.keys(fake.tables)).toHaveLength(1);
    // Nothing else would hold it for this long.
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(child.exitCode).toEqual(null);
    child.stdin.write('exit\n');
    await once(child, 'close');
    expect(fake.tables).toEqual({});
  });
});

export default tap.start();
