// Orders from Caddy's authority, in the network where only it and this script are. Writes one line about each order.

import { X509Certificate } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../ts/base/clock.js';
import { makeAccountKey } from '../../ts/certs/acme/account-key.js';
import { AcmeClient } from '../../ts/certs/acme/acme-client.js';
import { caddyDirectory, caddyDnsPorts, rootOfCaddy } from './acme-caddy.js';
import { startAcmeDns } from './acme-dns.js';
import { obtain } from './acme-order.js';
import { startSolvers, type TSolvedKind } from './acme-solvers.js';
import { outcomeOf } from './acme-world.js';

const orders: readonly (readonly [TSolvedKind, readonly string[]])[] = [
  ['http-01', ['a.proxy.test', 'b.proxy.test']],
  ['tls-alpn-01', ['c.proxy.test']],
  ['dns-01', ['*.d.proxy.test', 'd.proxy.test']],
  ['http-01', ['127.0.0.1']],
];

const say = (line: string): void => void process.stdout.write(`${line}\n`);

await using dns = await startAcmeDns(...caddyDnsPorts);
await using solvers = await startSolvers({ http: 80, tls: 443 });
const ca = await rootOfCaddy();
const make = async () => {
  const client = new AcmeClient({
    directoryUrl: caddyDirectory,
    ca,
    clock: systemClock,
    accountKey: await makeAccountKey(),
  });
  while ((await outcomeOf(client.directory())) !== 'done') await sleep(50);
  return client;
};
const client = await make();
const { created, status } = await client.newAccount({ contact: ['mailto:ops@proxy.test'] });
say(`account ${created} ${status}`);
for (const [kind, names] of orders) {
  const { chain } = await obtain({ client, solvers, dns }, { kind, names });
  say(`${kind} ${new X509Certificate(chain).subjectAltName}`);
}
const again = new AcmeClient({ directoryUrl: caddyDirectory, ca, clock: systemClock, accountKey: client.accountKey });
const found = await again.newAccount({ contact: [], onlyReturnExisting: true });
say(`found ${found.created} ${found.url === client.accountUrl}`);
const unanswered = obtain({ client, solvers, dns }, { kind: 'dns-01', names: ['127.0.0.1'] });
say(`refused ${await outcomeOf(unanswered)}`);
const stranger = await make();
say(`stranger ${await outcomeOf(stranger.newAccount({ contact: [], onlyReturnExisting: true }))}`);
say(`ended ${(await client.deactivate()).status}`);
say(`after ${await outcomeOf(client.newOrder({ identifiers: [{ type: 'dns', value: 'a.proxy.test' }] }))}`);
for (const each of [client, again, stranger]) each.close();
