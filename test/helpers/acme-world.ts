// Pebble, servers that answer its challenges, and clients of ours with accounts there.

import { systemClock } from '../../ts/base/clock.js';
import { makeAccountKey } from '../../ts/certs/acme/account-key.js';
import { AcmeClient, type IAcmeClientOptions } from '../../ts/certs/acme/acme-client.js';
import type { AcmeProblem } from '../../ts/certs/acme/acme-problem.js';
import type { IAcmeDns } from './acme-dns.js';
import { type IPebble, type IPebbleWish, startPebble } from './acme-pebble.js';
import { type ISolvers, startSolvers } from './acme-solvers.js';

export interface IAcmeWorld extends AsyncDisposable {
  readonly pebble: IPebble;
  readonly solvers: ISolvers;
  readonly dns: IAcmeDns;
  /** A client with a key of its own and, by default, no account. */
  makeClient(options?: Partial<IAcmeClientOptions>): Promise<AcmeClient>;
}

export async function startAcmeWorld(wish: IPebbleWish = {}): Promise<IAcmeWorld> {
  const solvers = await startSolvers();
  const clients: AcmeClient[] = [];
  try {
    const pebble = await startPebble({ httpPort: solvers.httpPort, tlsPort: solvers.tlsPort, ...wish });
    return {
      pebble,
      solvers,
      dns: pebble.dns,
      async makeClient(options = {}) {
        const { directoryUrl, ca } = pebble;
        const accountKey = options.accountKey ?? (await makeAccountKey());
        const client = new AcmeClient({ directoryUrl, ca, clock: systemClock, ...options, accountKey });
        clients.push(client);
        return client;
      },
      async [Symbol.asyncDispose]() {
        for (const client of clients) client.close();
        await pebble[Symbol.asyncDispose]();
        await solvers[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await solvers[Symbol.asyncDispose]();
    throw error;
  }
}

/** What a call was refused with, as `type status`; `done` if it was not. */
export const outcomeOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'done',
    ({ type, status, message }: AcmeProblem) => (type === undefined ? message : `${type} ${status}`),
  );
