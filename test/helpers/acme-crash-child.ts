// A proxy in a process of its own that kills itself in the middle of an order: see test/rig/test.proxy-acme-crash.ts.

import { systemClock } from '../../ts/base/clock.js';
import { silentLogger } from '../../ts/base/logger.js';
import { FileCertStore, type IAcmeOptions, type ICertStore, SmartProxy } from '../../ts/index.js';
import { makeShopRoute } from './acme-proxy.js';

export interface ICrashWish {
  readonly acme: IAcmeOptions;
  readonly folder: string;
  readonly tlsPort: number;
  readonly name: string;
  /** Dies at the nth thing that it asks of the store, before or after that was done. */
  readonly step?: { readonly at: number; readonly before: boolean };
  /** Dies when it is seen in this state. */
  readonly state?: string;
}

const wish = JSON.parse(process.argv[2] ?? '{}') as ICrashWish;
let steps = 0;

const die = (): void => void process.kill(process.pid, 'SIGKILL');

/** The real store, whose every method counts. */
function mortal(store: ICertStore): ICertStore {
  return new Proxy(store, {
    get(target, name) {
      const method: unknown = Reflect.get(target, name, target);
      if (typeof method !== 'function') return method;
      // It gives what ends it, at once, and does nothing to the store.
      if (name === 'watch') return method.bind(target);
      return async (...args: unknown[]) => {
        const isLast = ++steps === wish.step?.at;
        if (isLast && wish.step?.before) die();
        const result: unknown = await Reflect.apply(method, target, args);
        if (isLast) die();
        return result;
      };
    },
  });
}

const store = new FileCertStore({ folder: wish.folder, clock: systemClock, logger: silentLogger });
const proxy = new SmartProxy({
  acme: wish.acme,
  certificateStore: mortal(store),
  routes: [makeShopRoute(wish.tlsPort, wish.name)],
  metrics: false,
});

function watch(): void {
  if (proxy.certificates.status().some(({ state }) => state === wish.state)) die();
  setImmediate(watch).unref();
}

const done = new Promise<void>((resolve) => {
  proxy.on('certificate', ({ kind }) => {
    if (kind === 'issued' || kind === 'loaded' || kind === 'swapped') resolve();
  });
});
await proxy.start();
if (wish.state !== undefined) watch();
const late = setTimeout(() => {
  process.stderr.write(`${JSON.stringify(proxy.certificates.status())}\n`);
  process.exit(1);
}, 90_000);
await done;
clearTimeout(late);
// What follows the certificate is written too.
await proxy.certificates.provisionAllCertificates();
await proxy.stop({ graceMs: 0 });
process.stdout.write(`${steps} steps\n`);
