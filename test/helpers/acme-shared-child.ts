// A proxy in a process of its own that shares its store with others: see test/rig/test.shared-orders.ts.

import { setTimeout as delay } from 'node:timers/promises';
import { type IAcmeOptions, type ITxtRecord, SmartProxy } from '../../ts/index.js';

export interface ISharedWish {
  readonly acme: IAcmeOptions;
  readonly folder: string;
  readonly names: readonly string[];
  /** Of the authority's name server. */
  readonly managementPort: number;
}

const { acme, folder, names, managementPort } = JSON.parse(process.argv[2] ?? '{}') as ISharedWish;

async function tell(what: string, body: object): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${managementPort}/${what}`, {
    method: 'POST',
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${what}: ${answer.status}`);
}

const dns = {
  set: ({ name, value }: ITxtRecord) => tell('set-txt', { host: `${name}.`, value }),
  remove: ({ name }: ITxtRecord) => tell('clear-txt', { host: `${name}.` }),
};

await using proxy = new SmartProxy({
  acme: { ...acme, dns },
  certificateStore: folder,
  metrics: false,
  routes: [
    {
      name: 'shared',
      match: { ports: 0, domains: names },
      action: {
        type: 'respond',
        respond: { status: 200, body: 'ok' },
        tls: { mode: 'terminate', certificate: 'auto' },
      },
    },
  ],
});
await proxy.start();
const endMs = performance.now() + 90_000;
const has = () => proxy.certificates.status().filter(({ notAfter }) => notAfter !== null).length;
while (has() < names.length && performance.now() < endMs) await delay(100);
process.stdout.write(`${has()} certificates\n`);
