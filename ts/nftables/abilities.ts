// What this machine can do: whether nft is there and may be used, and which part of the kernel is missing where it
// refuses rules.

import type { NftExecutionError } from './errors.js';
import { NftResourceError } from './errors.js';
import type { IRunOptions, Nft } from './nft.js';
import { family, type TCommand, type TStatement } from './nft-json.js';

const name = 'smartproxy_probe';

const probe = (type: 'nat' | 'filter', hook: string, expr: readonly TStatement[]): readonly TCommand[] => [
  { add: { table: { family, name } } },
  { add: { chain: { family, table: name, name: 'c', type, hook, prio: 0, policy: 'accept' } } },
  { add: { rule: { family, table: name, chain: 'c', expr } } },
];

const isTcp: TStatement = { match: { op: '==', left: { meta: { key: 'l4proto' } }, right: { set: ['tcp', 'udp'] } } };
const dnat: TStatement = { dnat: { family: 'ip', addr: '192.0.2.1', port: 80 } };
const verdicts = { set: [[0, { accept: null }]] };

/** What our rules are made of, each with the part of the kernel that does it. */
const parts: readonly { readonly what: string; readonly module: string; readonly commands: readonly TCommand[] }[] = [
  { what: 'tables', module: 'nf_tables', commands: [{ add: { table: { family, name } } }] },
  { what: 'NAT', module: 'nft_chain_nat', commands: probe('nat', 'prerouting', [isTcp, dnat]) },
  { what: 'masquerading', module: 'nft_masq', commands: probe('nat', 'postrouting', [{ masquerade: null }]) },
  {
    what: 'redirection',
    module: 'nft_redir',
    commands: probe('nat', 'prerouting', [isTcp, { redirect: { port: 80 } }]),
  },
  {
    what: 'connection tracking',
    module: 'nft_ct',
    commands: probe('filter', 'prerouting', [{ mangle: { key: { ct: { key: 'mark' } }, value: 1 } }]),
  },
  {
    what: 'the kind of an address',
    module: 'nft_fib_inet',
    commands: probe('filter', 'prerouting', [
      { match: { op: '==', left: { fib: { result: 'type', flags: ['daddr'] } }, right: 'local' } },
    ]),
  },
  {
    what: 'taking turns',
    module: 'nft_numgen',
    commands: probe('filter', 'prerouting', [
      { vmap: { key: { numgen: { mode: 'inc', mod: 1, offset: 0 } }, data: verdicts } },
    ]),
  },
  {
    what: 'hashing of addresses',
    module: 'nft_hash',
    commands: probe('filter', 'prerouting', [
      {
        vmap: {
          key: { jhash: { mod: 1, seed: 1, expr: { payload: { protocol: 'ip', field: 'saddr' } } } },
          data: verdicts,
        },
      },
    ]),
  },
  {
    what: 'counting of connections',
    module: 'nft_connlimit',
    commands: probe('filter', 'prerouting', [{ 'ct count': { val: 1, inv: true } }]),
  },
  {
    what: 'limits of rates',
    module: 'nft_limit',
    commands: probe('filter', 'prerouting', [{ limit: { rate: 1, per: 'second', inv: true } }]),
  },
  {
    what: 'refusal by a reset',
    module: 'nft_reject_inet',
    commands: probe('filter', 'prerouting', [
      { match: { op: '==', left: { meta: { key: 'l4proto' } }, right: 'tcp' } },
      { reject: { type: 'tcp reset' } },
    ]),
  },
  { what: 'logging', module: 'nft_log', commands: probe('filter', 'prerouting', [{ log: { prefix: 'x ' } }]) },
];

/** Whether nft is there and may be used at all. @throws NftResourceError, NftExecutionError */
export async function requireNft(nft: Nft, options: IRunOptions = {}): Promise<void> {
  await nft.check([{ add: { table: { family, name } } }], options);
}

/** Why the kernel refused rules: what it lacks, if it lacks anything; else the failure as it is. */
export async function diagnose(nft: Nft, failure: NftExecutionError): Promise<Error> {
  const lacking = await lackingParts(nft);
  if (lacking.length === 0) return failure;
  const names = lacking.map(({ what, module }) => `${what} (${module})`).join(', ');
  return new NftResourceError('kernel', `this kernel lacks ${names}`, { cause: failure });
}

/** The parts that this kernel does not have. Nothing is changed by asking. */
async function lackingParts(nft: Nft): Promise<typeof parts> {
  const answers = await Promise.all(
    parts.map(({ commands }) =>
      nft.check(commands).then(
        () => true,
        () => false,
      ),
    ),
  );
  return parts.filter((_, i) => answers[i] === false);
}
