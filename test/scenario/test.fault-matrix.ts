// Every fault at every step of a connection: with which word it ends, what the other side sees, and that nothing is left.

import type { TEnd } from '../../ts/index.js';
import { startBlackhole } from '../helpers/blackhole.js';
import { type ICell, type IOutcome, type IStep, runCell, type TFault, type TSeen } from '../helpers/fault-world.js';
import { makeClientHello, sniOf } from '../helpers/make-client-hello.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';

const hello = makeClientHello({ extensions: [sniOf('a.test')] });
const byFirstBytes = { protocol: 'other' } as const;
const byHello = { domains: 'a.test' } as const;

const steps = {
  'first bytes awaited': { at: 'peek', match: byFirstBytes },
  'first bytes begun': { at: 'peek', match: byFirstBytes, opening: Buffer.from('PO') },
  'hello awaited': { at: 'peek', match: byHello },
  'hello half there': { at: 'peek', match: byHello, opening: hello.subarray(0, hello.length >> 1) },
  'hello malformed': { at: 'peek', match: byHello, opening: Buffer.from([22, 3, 1, 0, 5, 1, 0, 0, 1, 0]) },
  refused: { at: 'dial', target: 'refused' },
  'refused after bytes': { at: 'dial', target: 'refused', match: byFirstBytes, opening: Buffer.from('x\r\n\r\n') },
  dialing: { at: 'dial', target: 'blackhole' },
  'dialing, bytes wait': { at: 'dial', target: 'blackhole', opening: Buffer.from('question') },
  'dialing, bytes peeked': { at: 'dial', target: 'blackhole', match: byFirstBytes, opening: Buffer.from('x\r\n\r\n') },
  'dialing, hello peeked': { at: 'dial', target: 'blackhole', match: byHello, opening: hello },
  connected: { at: 'transfer' },
  'connected after a hello': { at: 'transfer', match: byHello, opening: hello },
  exchanged: { at: 'transfer', exchanged: true },
  'client stuck': { at: 'transfer', stuck: 'client' },
  'target stuck': { at: 'transfer', stuck: 'target' },
} as const satisfies Record<string, IStep>;

interface IRow {
  readonly step: keyof typeof steps;
  /** One after the other; `rude`: nobody answers a FIN by its own. */
  readonly faults: string;
  /** Through one proxy. */
  readonly end: TEnd;
  /** Through two: the outer one's, and the inner one's. */
  readonly chain: readonly [TEnd, TEnd | null];
  readonly client: TSeen;
  readonly target: TSeen;
}

const row = (
  step: IRow['step'],
  faults: string,
  end: TEnd,
  chain: IRow['chain'],
  [client, target]: readonly [TSeen, TSeen],
): IRow => ({ step, faults, end, chain, client, target });

const both = (end: TEnd): [TEnd, TEnd] => [end, end];

// biome-ignore format: a table.
const table: readonly IRow[] = [
  row('first bytes awaited', 'client FIN', 'closed_before_data', ['closed_before_data', null], ['FIN', '-']),
  row('first bytes awaited', 'client RST', 'client_error', ['client_error', null], ['own', '-']),
  row('first bytes awaited', 'silence', 'initial_data_timeout', ['initial_data_timeout', null], ['FIN', '-']),
  row('first bytes begun', 'client FIN', 'client_closed', both('client_closed'), ['FIN', 'FIN']),
  row('first bytes begun', 'client RST', 'client_error', ['client_error', null], ['own', '-']),
  row('first bytes begun', 'silence', 'initial_data_timeout', ['initial_data_timeout', null], ['FIN', '-']),
  row('hello awaited', 'client FIN', 'closed_before_data', ['closed_before_data', null], ['FIN', '-']),
  row('hello awaited', 'client RST', 'client_error', ['client_error', null], ['own', '-']),
  row('hello awaited', 'silence', 'initial_data_timeout', ['initial_data_timeout', null], ['FIN', '-']),
  row('hello half there', 'client FIN', 'closed_before_data', ['closed_before_data', null], ['FIN', '-']),
  row('hello half there', 'client RST', 'client_error', ['client_error', null], ['own', '-']),
  row('hello half there', 'silence', 'initial_data_timeout', ['initial_data_timeout', null], ['FIN', '-']),
  row('hello malformed', 'silence', 'tls_error', ['tls_error', null], ['FIN', '-']),

  row('refused', 'silence', 'target_refused', ['target_closed', 'target_refused'], ['FIN', '-']),
  row('refused after bytes', 'silence', 'target_refused', ['target_closed', 'target_refused'], ['FIN', '-']),
  row('dialing', 'client FIN', 'closed_during_dial', ['client_closed', 'closed_during_dial'], ['FIN', '-']),
  row('dialing', 'client RST', 'client_error', both('client_error'), ['own', '-']),
  row('dialing', 'silence', 'connection_timeout', ['target_closed', 'connection_timeout'], ['FIN', '-']),
  row('dialing, bytes wait', 'client FIN', 'connection_timeout', ['client_closed', 'connection_timeout'], ['FIN', '-']),
  row('dialing, bytes wait', 'client RST', 'client_error', both('client_error'), ['own', '-']),
  row('dialing, bytes wait', 'silence', 'connection_timeout', ['target_closed', 'connection_timeout'], ['FIN', '-']),
  row('dialing, bytes peeked', 'client FIN', 'connection_timeout', ['client_closed', 'connection_timeout'], ['FIN', '-']),
  row('dialing, bytes peeked', 'client RST', 'client_error', both('client_error'), ['own', '-']),
  row('dialing, hello peeked', 'client FIN', 'closed_during_dial', ['client_closed', 'closed_during_dial'], ['FIN', '-']),
  row('dialing, hello peeked', 'client RST', 'client_error', both('client_error'), ['own', '-']),
  row('dialing, hello peeked', 'silence', 'connection_timeout', ['target_closed', 'connection_timeout'], ['FIN', '-']),

  ...(['connected', 'connected after a hello', 'exchanged'] as const).flatMap((step) => [
    row(step, 'client FIN', 'client_closed', both('client_closed'), ['FIN', 'FIN']),
    row(step, 'target FIN', 'target_closed', both('target_closed'), ['FIN', 'FIN']),
    row(step, 'client RST', 'client_error', both('client_error'), ['own', 'RST']),
    row(step, 'target RST', 'target_error', both('target_error'), ['RST', 'own']),
    row(step, 'client burst', 'client_error', both('client_error'), ['own', 'RST']),
    row(step, 'target burst', 'target_error', both('target_error'), ['RST', 'own']),
    row(step, 'silence', 'inactivity_timeout', ['target_closed', 'inactivity_timeout'], ['FIN', 'FIN']),
  ]),
  row('exchanged', 'rude, client FIN', 'half_open_timeout', ['client_closed', 'half_open_timeout'], ['FIN', 'FIN']),
  row('exchanged', 'rude, target FIN', 'target_closed', both('target_closed'), ['FIN', 'FIN']),
  row('exchanged', 'rude, client FIN, target FIN', 'client_closed', both('client_closed'), ['FIN', 'FIN']),
  row('exchanged', 'rude, target FIN, client FIN', 'target_closed', both('target_closed'), ['FIN', 'FIN']),
  row('exchanged', 'rude, client FIN, target RST', 'target_error', both('target_error'), ['RST', 'FIN']),
  row('exchanged', 'rude, target FIN, client RST', 'target_closed', both('target_closed'), ['FIN', 'FIN']),
  row('exchanged', 'rude, target FIN, target RST', 'target_closed', both('target_closed'), ['FIN', 'own']),
  row('exchanged', 'rude, client FIN, client RST, target answers, target FIN', 'client_closed', both('client_closed'), ['own', 'FIN']),
  row('exchanged', 'client RST, target FIN', 'client_error', both('client_error'), ['own', 'RST']),
  row('exchanged', 'target RST, client FIN', 'target_error', both('target_error'), ['RST', 'own']),

  row('client stuck', 'client FIN', 'stall_timeout', both('stall_timeout'), ['end', 'FIN']),
  row('client stuck', 'client RST', 'client_error', both('client_error'), ['own', 'RST']),
  row('client stuck', 'target FIN', 'stall_timeout', both('stall_timeout'), ['RST', 'RST']),
  row('client stuck', 'target RST', 'stall_timeout', both('stall_timeout'), ['RST', 'own']),
  row('client stuck', 'silence', 'stall_timeout', both('stall_timeout'), ['RST', 'RST']),
  row('target stuck', 'target FIN', 'target_closed', both('target_closed'), ['FIN', 'end']),
  row('target stuck', 'target RST', 'target_error', both('target_error'), ['RST', 'own']),
  row('target stuck', 'client FIN', 'stall_timeout', ['target_error', 'stall_timeout'], ['RST', 'RST']),
  row('target stuck', 'client RST', 'stall_timeout', ['target_error', 'stall_timeout'], ['own', 'RST']),
  row('target stuck', 'silence', 'stall_timeout', ['target_error', 'stall_timeout'], ['RST', 'RST']),
];

/** What must be short for the cell to see its limit. All others are longer than the test. */
const limitOf: Partial<Record<TEnd, ICell['limits']>> = {
  initial_data_timeout: { initialDataTimeout: 400 },
  connection_timeout: { connectionTimeout: 400 },
  inactivity_timeout: { inactivityTimeout: 400 },
  half_open_timeout: { halfOpenTimeout: 400 },
  stall_timeout: { stallTimeout: 2_500 },
};

function cellOf({ step, faults, end }: IRow, proxies: 1 | 2, blackhole: number): ICell {
  const words = faults.split(', ');
  return {
    step: steps[step],
    faults: words.filter((word): word is TFault => word !== 'silence' && word !== 'rude'),
    polite: !words.includes('rude'),
    limits: limitOf[end] ?? {},
    proxies,
    blackhole,
  };
}

const fits = (got: IOutcome, want: IOutcome): boolean =>
  got.ends.join() === want.ends.join() && saw(got.client, want.client) && saw(got.target, want.target);

const saw = (got: TSeen, want: TSeen): boolean => (want === 'end' ? got === 'FIN' || got === 'RST' : got === want);

/** Runs `width` cells at a time. Gives a line for each whose outcome is another than the table's. */
async function runTable(proxies: 1 | 2, blackhole: number, width = 12): Promise<string[]> {
  const wrong: string[] = [];
  const left = [...table];
  const runOne = async (it: IRow) => {
    const want: IOutcome = { ends: proxies === 1 ? [it.end] : it.chain, client: it.client, target: it.target };
    const got = await runCell(cellOf(it, proxies, blackhole)).catch((error: Error) => error.message);
    if (typeof got !== 'string' && fits(got, want)) return;
    wrong.push(`${it.step}; ${it.faults}: want ${JSON.stringify(want)}, got ${JSON.stringify(got)}`);
  };
  await Promise.all(
    Array.from({ length: width }, async () => {
      for (let next = left.shift(); next !== undefined; next = left.shift()) await runOne(next);
    }),
  );
  return wrong;
}

/** Descriptors and what else keeps a process alive, by kind. */
function handles(): string {
  return process
    .getActiveResourcesInfo()
    .filter((kind) => kind !== 'Immediate' && kind !== 'Timeout')
    .sort()
    .join(' ');
}

for (const proxies of [1, 2] as const) {
  tap.test(
    `every fault at every step ends with its word, ${proxies} prox${proxies === 1 ? 'y' : 'ies'} deep`,
    async () => {
      await using blackhole = await startBlackhole();
      const before = handles();
      expect(await runTable(proxies, blackhole.port)).toEqual([]);
      await until(
        () => handles() === before,
        2_000,
        () => `the handles of the beginning (${before}), has ${handles()}`,
      );
    },
  );
}

export default tap.start();
