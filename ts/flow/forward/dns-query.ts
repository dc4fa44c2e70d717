// Asks the name servers for a name's addresses, by sockets and not by threads.

import type { promises, RecordWithTtl } from 'node:dns';
import type { IClock, ITimer } from '../../base/clock.js';

export interface IDnsAnswer {
  /** At least one; IPv4 first, each family in the server's order. */
  readonly addresses: readonly string[];
  /** As long as the shortest-lived record. */
  readonly ttlMs: number;
}

/** What can be asked. */
export type TDnsClient = promises.Resolver;

/** How long one family's addresses wait for the other's answer (RFC 8305 §3). */
const patienceMs = 50;

/** More than anybody tries, fewer than a hostile server may send. */
const maxAddresses = 64;

/** Codes that say: there is no such name, or it has no address. */
const absentCodes = new Set(['ENOTFOUND', 'ENODATA']);

/** True if `error` is a name server's word that the name leads nowhere. */
export const isAbsence = (error: unknown): boolean => absentCodes.has(dnsCode(error));

/** The code of a DNS error; `''` if it has none. */
export const dnsCode = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';

/** A and AAAA at once. Rejects with the more telling of the two errors if neither gives an address. */
export function queryDns(client: TDnsClient, name: string, clock: IClock): Promise<IDnsAnswer> {
  return new Promise((resolve, reject) => {
    const records: [RecordWithTtl[], RecordWithTtl[]] = [[], []];
    const errors: unknown[] = [];
    let open = 2;
    let patience: ITimer | null = null;
    const finish = () => {
      patience?.cancel();
      const found = records.flat().slice(0, maxAddresses);
      if (found.length === 0) reject(errors.find((error) => !isAbsence(error)) ?? errors[0] ?? noRecords());
      else resolve(answerOf(found));
    };
    const ask = (place: 0 | 1, answer: Promise<RecordWithTtl[]>) => {
      answer
        .then(
          (found) => {
            records[place] = found;
          },
          (error: unknown) => void errors.push(error),
        )
        .then(() => {
          open--;
          if (open === 0) finish();
          else if (records[place].length > 0) patience = clock.setTimer(finish, patienceMs);
        });
    };
    ask(0, client.resolve4(name, { ttl: true }));
    ask(1, client.resolve6(name, { ttl: true }));
  });
}

function answerOf(records: readonly RecordWithTtl[]): IDnsAnswer {
  const ttl = records.reduce((least, record) => Math.min(least, record.ttl), Number.POSITIVE_INFINITY);
  return { addresses: [...new Set(records.map(({ address }) => address))], ttlMs: ttl * 1000 };
}

const noRecords = () => Object.assign(new Error('the answer holds no address'), { code: 'ENODATA' });
