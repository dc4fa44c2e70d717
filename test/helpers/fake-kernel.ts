// nft and conntrack without a kernel, in a folder of their own.

import { chmod, copyFile, readFile, rm, writeFile } from 'node:fs/promises';
import type { ISwitches } from '../../ts/nftables/sysctl.js';
import { makeFolder } from './make-folder.js';

export interface IFakeKernel extends AsyncDisposable {
  readonly folder: string;
  readonly options: { readonly nft: string; readonly conntrack: string; readonly retryDelayMs: number };
  readonly switches: ISwitches;
  /** The names and contents of the tables. */
  tables(): Promise<Record<string, { readonly rule?: { readonly comment?: string } }[]>>;
  /** What was there before we came. */
  setTables(tables: object): Promise<void>;
  /** From now on everything but listing fails with this; null: it works again. */
  refuse(why: string | null): Promise<void>;
  /** What conntrack lists from now on. */
  setFlows(lines: readonly string[]): Promise<void>;
  /** How conntrack was called. */
  conntrackCalls(): Promise<string[]>;
  /** The switches as they are. */
  readonly values: Map<string, string>;
}

export async function fakeKernel(): Promise<IFakeKernel> {
  const folder = await makeFolder();
  const at = (name: string) => `${folder.path}/${name}`;
  await copyFile(new URL('fake-nft.mjs', import.meta.url), at('fake-nft.mjs'));
  await writeFile(at('nft'), `#!/bin/sh\nexec "${process.execPath}" ${at('fake-nft.mjs')} "$@"\n`);
  await writeFile(at('conntrack'), `#!/bin/sh\necho "$*" >> ${at('calls')}\ncat ${at('flows')}\n`);
  await writeFile(at('flows'), '');
  for (const name of ['nft', 'conntrack']) await chmod(at(name), 0o755);
  const values = new Map([
    ['net.ipv4.ip_forward', '1'],
    ['net.ipv6.conf.all.forwarding', '1'],
    ['net.ipv4.conf.all.route_localnet', '0'],
    ['net.netfilter.nf_conntrack_acct', '0'],
  ]);
  return {
    folder: folder.path,
    options: { nft: at('nft'), conntrack: at('conntrack'), retryDelayMs: 1 },
    values,
    switches: {
      read: async (name) => values.get(name) ?? null,
      write: async (name, value) => {
        if (values.get(name) === 'locked') throw new Error('read-only');
        values.set(name, value);
      },
    },
    tables: async () => JSON.parse(await readFile(at('state.json'), 'utf8').catch(() => '{}')),
    setTables: (tables) => writeFile(at('state.json'), JSON.stringify(tables)),
    refuse: (why) => (why === null ? rm(at('refuse'), { force: true }) : writeFile(at('refuse'), why)),
    setFlows: (lines) => writeFile(at('flows'), lines.map((line) => `${line}\n`).join('')),
    conntrackCalls: async () => (await readFile(at('calls'), 'utf8').catch(() => '')).trim().split('\n'),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}
