// nft is run as told: fixed arguments, rules by standard input, and clear words about what went wrong. A stand-in for nft
// writes down how it was called.

import { chmod, readFile, writeFile } from 'node:fs/promises';
import { ConfigError } from '../../ts/base/errors.js';
import { createNfTablesRoute, NfTablesProxy, NftValidationError, SmartProxy } from '../../ts/index.js';
import { NftExecutionError, NftResourceError } from '../../ts/nftables/errors.js';
import { Nft } from '../../ts/nftables/nft.js';
import { commandsToRemove } from '../../ts/nftables/ruleset-diff.js';
import { makeFolder } from '../helpers/make-folder.js';
import { expect, tap } from '../helpers/tapbundle.js';

/** `body` is what the stand-in does after it has written down its arguments and its input. */
async function fakeNft(body = 'exit 0') {
  const folder = await makeFolder();
  const [program, log] = [`${folder.path}/nft`, `${folder.path}/log`];
  const script = `#!/bin/sh
for one in "$@"; do printf '<%s>' "$one" >> ${log}; done
case "$*" in *-f*) cat < /dev/stdin >> ${log};; esac
echo >> ${log}
${body.replaceAll('FOLDER', folder.path)}
`;
  await writeFile(program, script);
  await chmod(program, 0o755);
  return {
    program,
    folder: folder.path,
    lines: async () => (await readFile(log, 'utf8').catch(() => '')).split('\n').filter((line) => line !== ''),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

tap.test('a transaction is checked first, and goes in by standard input, never by an argument', async () => {
  await using fake = await fakeNft();
  const nft = new Nft({ nft: fake.program });
  await nft.apply(commandsToRemove('mine_1'));
  const json =
    '{"nftables":[{"add":{"table":{"family":"inet","name":"mine_1"}}},{"delete":{"table":{"family":"inet","name":"mine_1"}}}]}';
  expect(await fake.lines()).toEqual([`<-c><-j><-f><->${json}`, `<-j><-f><->${json}`]);
});

tap.test('nothing to do runs nothing', async () => {
  await using fake = await fakeNft();
  await new Nft({ nft: fake.program }).apply([]);
  expect(await fake.lines()).toEqual([]);
});

tap.test('what the check refuses is never applied', async () => {
  await using fake = await fakeNft('echo "Error: no such thing" >&2; exit 1');
  const nft = new Nft({ nft: fake.program, maxRetries: 5, retryDelayMs: 0 });
  await expect(nft.apply(commandsToRemove('mine_1'))).rejects.toThrow('no such thing');
  expect(await fake.lines()).toHaveLength(1);
});

tap.test('a kernel that is busy is asked again, without blocking the process', async () => {
  await using fake = await fakeNft(
    'n=$(wc -l < FOLDER/log); [ $n -gt 2 ] || { echo "Device or resource busy" >&2; exit 1; }',
  );
  const nft = new Nft({ nft: fake.program, retryDelayMs: 30 });
  let turns = 0;
  const timer = setInterval(() => turns++, 5);
  await nft.check(commandsToRemove('mine_1'));
  clearInterval(timer);
  expect(await fake.lines()).toHaveLength(3);
  expect(turns).toBeGreaterThan(3);
});

tap.test('it is given up after as many repetitions as told, or at once by a signal', async () => {
  await using fake = await fakeNft('echo "Device or resource busy" >&2; exit 1');
  const nft = new Nft({ nft: fake.program, maxRetries: 2, retryDelayMs: 1 });
  let error: unknown = null;
  await nft.check(commandsToRemove('mine_1')).catch((caught) => {
    error = caught;
  });
  expect(error instanceof NftExecutionError && [error.exitCode, error.code, error.blame]).toEqual([
    1,
    'NFT_FAILED',
    'proxy',
  ]);
  expect(await fake.lines()).toHaveLength(3);
  const ending = new AbortController();
  const waiting = new Nft({ nft: fake.program, retryDelayMs: 60_000 }).check([], { signal: ending.signal });
  setTimeout(() => ending.abort(new Error('enough')), 50);
  await expect(waiting).rejects.toThrow('enough');
});

tap.test('a machine without nft, and a process without the privilege, are told as such', async () => {
  await using fake = await fakeNft('echo "Operation not permitted (you must be root)" >&2; exit 1');
  const failures = await Promise.all(
    [`${fake.folder}/nowhere`, fake.program].map((nft) => new Nft({ nft }).tables().catch((error) => error)),
  );
  expect(failures.map((error) => error instanceof NftResourceError && error.lack)).toEqual(['nft', 'privilege']);
  expect(failures[0].message).toContain('apt-get install nftables');
  expect(failures[1].message).toContain('CAP_NET_ADMIN');
});

tap.test('stopSync removes tables at once', async () => {
  await using fake = await fakeNft();
  new Nft({ nft: fake.program }).stopSync(['mine_1']);
  const [line = ''] = await fake.lines();
  expect(line).toMatch(/^<-j><\{"nftables":\[.*"delete":\{"table":\{"family":"inet","name":"mine_1"\}\}\}\]\}>$/);
});

const hostile = ['x"; flush ruleset; #', '$(touch x)', '`id`', 'a\nb', "a' b", 'a|b', 'a;b', '../../x', 'é', '-f'];

tap.test('hostile text in any option of a route or of NfTablesProxy is refused, and nft is never run', async () => {
  await using fake = await fakeNft();
  const path = process.env.PATH;
  process.env.PATH = `${fake.folder}:${path}`;
  try {
    for (const bad of hostile) {
      const route = { ports: 80, target: { host: '192.0.2.1', port: 80 } };
      const routes = [
        { ...route, name: bad },
        { ...route, id: bad },
        // Of a name only what is looked up gets to nft.
        { ...route, target: { host: bad === 'é' ? 'a b' : bad, port: 80 } },
        { ...route, listenAddress: bad },
        { ...route, clientIp: [bad] },
        { ...route, ipAllowList: [bad] },
        { ...route, ipBlockList: [bad] },
        { ...route, tableName: bad },
        { ...route, log: bad },
        { ...route, maxRate: bad },
        { ...route, protocol: bad as 'tcp' },
      ];
      for (const [index, one] of routes.entries()) {
        let error: unknown = null;
        try {
          new SmartProxy({ routes: [createNfTablesRoute(one)] });
        } catch (caught) {
          error = caught;
        }
        expect([bad, index, error instanceof ConfigError]).toEqual([bad, index, true]);
      }
      const options = { fromPort: 80, toPort: 80, toHost: '192.0.2.1' };
      const proxies = [
        { ...options, toHost: bad === 'é' ? 'a b' : bad },
        { ...options, tableName: bad },
        { ...options, ipAllowList: [bad] },
        { ...options, ipBlockList: [bad] },
        { ...options, protocol: bad as 'tcp' },
        { ...options, qos: { enabled: true, maxRate: bad } },
        { ...options, logFormat: bad as 'json' },
        { ...options, fromPort: bad as unknown as number },
        { ...options, [bad]: 1 },
      ];
      for (const [index, one] of proxies.entries()) {
        let error: unknown = null;
        try {
          new NfTablesProxy(one);
        } catch (caught) {
          error = caught;
        }
        expect([bad, index, error instanceof NftValidationError]).toEqual([bad, index, true]);
      }
    }
    expect(await fake.lines()).toEqual([]);
  } finally {
    process.env.PATH = path;
  }
});

export default tap.start();
