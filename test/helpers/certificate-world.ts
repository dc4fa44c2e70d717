// A keeper of certificates with a store and authorities in memory, on a clock that stands still until it is moved.

import type { IClock } from '../../ts/base/clock.js';
import { silentLogger } from '../../ts/base/logger.js';
import type {
  IAcmeSettings,
  ICertificateEvent,
  ICertManagerParts,
  ICertNeed,
  IChallengeSolver,
} from '../../ts/certs/manager/manager-types.js';
import { SmartCertManager } from '../../ts/certs/manager/smart-cert-manager.js';
import type { IStoredCertificate } from '../../ts/certs/store/store-types.js';
import { FakeCa, type IFakeCaOptions } from './fake-ca.js';
import { fakeTools } from './fake-certificates.js';
import { type IFakeClock, makeFakeClock } from './fake-clock.js';
import { type IFakeProcess, makeFakeProcess } from './fake-process.js';
import { type IFakeDisk, makeFakeDisk } from './fake-store.js';

export interface ICertificateWorld {
  readonly clock: IFakeClock;
  readonly disk: IFakeDisk;
  readonly ca: FakeCa;
  readonly cas: Map<string, FakeCa>;
  /** Another authority. */
  addCa(url: string, options?: Partial<IFakeCaOptions>): FakeCa;
  /** Another process with a keeper on the same store. */
  open(parts?: Partial<ICertManagerParts>, process?: IFakeProcess): IOpened;
}

export interface IOpened {
  readonly manager: SmartCertManager;
  readonly events: ICertificateEvent[];
  /** What is served, by the first name. */
  readonly served: Map<string, IStoredCertificate | null>;
  readonly process: IFakeProcess;
  kinds(name?: string): string[];
}

export function makeCertificateWorld(
  options: Partial<IFakeCaOptions> = {},
  clock = makeFakeClock(),
): ICertificateWorld {
  const disk = makeFakeDisk();
  const cas = new Map<string, FakeCa>();
  const addCa = (url: string, more: Partial<IFakeCaOptions> = {}) => {
    const ca = new FakeCa({ clock, ...more, url });
    cas.set(url, ca);
    return ca;
  };
  const ca = addCa('https://ca.test/directory', options);
  const all = () => [...cas.values()].map((one) => one.solver);
  const solver: IChallengeSolver = {
    present: async (shown, signal) => void (await Promise.all(all().map((one) => one.present(shown, signal)))),
    cleanup: async (shown) => void (await Promise.all(all().map((one) => one.cleanup(shown)))),
  };
  return {
    ...{ clock, disk, ca, cas, addCa },
    open(parts = {}, process = makeFakeProcess()) {
      const events: ICertificateEvent[] = [];
      const served = new Map<string, IStoredCertificate | null>();
      const manager = new SmartCertManager({
        store: disk.open(process),
        clock: mortalClock(clock, process),
        logger: silentLogger,
        onEvent: (event) => void events.push(event),
        onCertificate: (_, stored, names) => void served.set(names[0] ?? '', stored),
        solvers: { 'http-01': solver, 'tls-alpn-01': solver, 'dns-01': solver, 'dns-persist-01': solver },
        provision: null,
        stagingOf: () => null,
        makeClient: async (wish) => {
          const found = cas.get(wish.directoryUrl);
          if (found === undefined) throw new Error(`no such authority: ${wish.directoryUrl}`);
          return found.client(wish, process);
        },
        tools: fakeTools,
        random: makeRandom(),
        ...parts,
      });
      const kinds = (name?: string) =>
        events.filter(({ names }) => name === undefined || names.includes(name)).map(({ kind }) => kind);
      return { manager, events, served, process, kinds };
    },
  };
}

/** The dead have no timers. */
function mortalClock(clock: IClock, process: IFakeProcess): IClock {
  return {
    nowMs: clock.nowMs,
    wallMs: clock.wallMs,
    setTimer: (fire, delayMs) =>
      process.isDead ? { cancel() {} } : clock.setTimer(() => void (process.isDead || fire()), delayMs),
  };
}

/** Always the same numbers. */
export function makeRandom(seed = 1): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

export function makeAcme(some: Partial<IAcmeSettings> = {}): IAcmeSettings {
  const settings: IAcmeSettings = {
    key: '',
    email: 'a@a.test',
    directoryUrls: ['https://ca.test/directory'],
    directoryCa: null,
    challengePort: 80,
    challenges: ['http-01'],
    renewBeforeDays: null,
    profile: null,
    keyType: 'ecdsa-p256',
    eab: null,
    dns: null,
    onDemand: null,
    preferredChain: null,
    strictExpiry: false,
    ...some,
  };
  return { ...settings, key: JSON.stringify(settings) };
}

export const makeNeed = (names: string | readonly string[], some: Partial<IAcmeSettings> = {}): ICertNeed => ({
  names: typeof names === 'string' ? [names] : names,
  acme: makeAcme(some),
  routes: ['a route'],
});

export const minuteMs = 60_000;
export const hourMs = 3_600_000;
export const dayMs = 86_400_000;
