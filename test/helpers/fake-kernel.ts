// nft and conntrack without a kernel: two small scripts that ask this process.

import { once } from 'node:events';
import { chmod, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import type { ISwitches } from '../../ts/nftables/sysctl.js';
import { applyTo, listOf, type TTables } from './fake-tables.js';
import { makeFolder } from './make-folder.js';

export interface IFakeKernel extends AsyncDisposable {
  /** Where the programs are. */
  readonly folder: string;
  readonly options: { readonly nft: string; readonly conntrack: string; readonly retryDelayMs: number };
  readonly switches: ISwitches;
  /** The switches as they are. */
  readonly values: Map<string, string>;
  /** The tables, which may be replaced. */
  tables: TTables;
  /** With which everything but listing fails; null: it works. */
  refusal: string | null;
  /** Is told of every call of nft, arguments and input, before it is answered; the call fails with what it throws. */
  watch: ((args: string, input: string) => void) | null;
  /** What conntrack lists. */
  flows: readonly string[];
  /** How conntrack was called. */
  readonly conntrackCalls: string[];
}

/** Sends its arguments, a line each, and its input; the first line of the answer is the exit code. */
const script = (program: string, port: number): string => `#!/bin/bash
exec 3<>/dev/tcp/127.0.0.1/${port}
printf '%s\\n' ${program} "$@" >&3
printf '%s\\n' --input-- >&3
case " $* " in *" -f "*) cat /dev/stdin >&3;; esac
printf '\\n%s\\n' --end-- >&3
read -r code <&3
if [ "$code" = 0 ]; then cat <&3; else cat <&3 >&2; fi
exit "$code"
`;

export async function fakeKernel(): Promise<IFakeKernel> {
  const folder = await makeFolder();
  const answer = (text: string): string => {
    const [head = '', input = ''] = text.split('--input--\n');
    const [program, ...args] = head.split('\n').slice(0, -1);
    if (program === 'conntrack') {
      fake.conntrackCalls.push(args.join(' '));
      return fake.flows.map((line) => `${line}\n`).join('');
    }
    fake.watch?.(args.join(' '), input);
    if (args.includes('list')) return listOf(fake.tables, args);
    if (fake.refusal !== null) throw new Error(fake.refusal);
    const after = applyTo(fake.tables, JSON.parse(args.includes('-f') ? input : (args.at(-1) ?? '')).nftables);
    if (!args.includes('-c')) fake.tables = after;
    return '';
  };
  const server = createServer((socket) => {
    let text = '';
    socket.setEncoding('utf8').on('error', () => {});
    socket.on('data', (chunk) => {
      text += chunk;
      if (!text.endsWith('\n--end--\n')) return;
      try {
        socket.end(`0\n${answer(text.slice(0, -'\n--end--\n'.length))}`);
      } catch (error) {
        socket.end(`1\n${(error as Error).message}\n`);
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  for (const name of ['nft', 'conntrack']) {
    await writeFile(`${folder.path}/${name}`, script(name, port));
    await chmod(`${folder.path}/${name}`, 0o755);
  }
  const values = new Map([
    ['net.ipv4.ip_forward', '1'],
    ['net.ipv6.conf.all.forwarding', '1'],
    ['net.ipv4.conf.all.route_localnet', '0'],
    ['net.netfilter.nf_conntrack_acct', '0'],
  ]);
  const fake: IFakeKernel = {
    folder: folder.path,
    options: { nft: `${folder.path}/nft`, conntrack: `${folder.path}/conntrack`, retryDelayMs: 1 },
    values,
    switches: {
      read: async (name) => values.get(name) ?? null,
      write: async (name, value) => void values.set(name, value),
    },
    tables: {},
    refusal: null,
    watch: null,
    flows: [],
    conntrackCalls: [],
    async [Symbol.asyncDispose]() {
      server.close();
      await folder[Symbol.asyncDispose]();
    },
  };
  return fake;
}
