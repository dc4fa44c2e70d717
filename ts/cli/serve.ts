// Runs a proxy until a signal stops it: the first lets connections finish, the second ends them.

import { type IHostControl, type IStopOptions, ProxyError, ProxyWorkers, type SmartProxy } from '../index.js';
import type { IHost } from './host.js';
import type { Report } from './report.js';

export interface IServeOptions {
  readonly proxy: SmartProxy | ProxyWorkers;
  readonly host: IHost;
  readonly report: Report;
  /** What is served, for people. */
  readonly what: string;
  /** What SIGHUP does. Left out: what the system does. */
  readonly onHangup?: () => void;
  /** What the proxy was given: it gets a way to stop all of this, for as long as it is served. */
  readonly control?: Pick<IHostControl, 'stop'>;
}

/** Ctrl-C reaches a program twice where a package manager that started it passes the signal on. */
const sameKeyPressMs = 250;

/**
 * Resolves when the proxy has stopped.
 * @throws ProxyError LISTEN_FAILED; NOT_RUNNING once no worker is left
 */
export async function serve({ proxy, host, report, what, onHangup, control = {} }: IServeOptions): Promise<void> {
  warnOfOldNode(host);
  const stop = new Stop(proxy, report);
  const onTerm = () => stop.ask();
  const onInt = () => stop.ask(sameKeyPressMs);
  host.signals.on('SIGTERM', onTerm);
  host.signals.on('SIGINT', onInt);
  if (onHangup) host.signals.on('SIGHUP', onHangup);
  control.stop = (graceMs) => stop.begin(graceMs === null ? {} : { graceMs });
  try {
    await proxy.start();
    report.listening(proxy.getListeningPorts(), what, proxy.adminAddress);
    await Promise.race([stop.done, ...(proxy instanceof ProxyWorkers ? [noneLeft(proxy)] : [])]);
    report.stopped();
  } finally {
    host.signals.off('SIGTERM', onTerm);
    host.signals.off('SIGINT', onInt);
    if (onHangup) host.signals.off('SIGHUP', onHangup);
    delete control.stop;
  }
}

class Stop {
  readonly done: Promise<void>;
  readonly #proxy: SmartProxy | ProxyWorkers;
  readonly #report: Report;
  #settle: (stopped: Promise<void>) => void = () => {};
  #askedMs: number | null = null;

  constructor(proxy: SmartProxy | ProxyWorkers, report: Report) {
    this.#proxy = proxy;
    this.#report = report;
    this.done = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  /** The second time, but not within `deafMs` of the first, at once. */
  ask(deafMs = 0): void {
    const nowMs = performance.now();
    if (this.#askedMs === null) this.begin({});
    else if (nowMs - this.#askedMs >= deafMs) this.#settle(this.#proxy.stop({ graceMs: 0 }));
  }

  /** A later call only shortens: the proxy stops once. */
  begin(options: IStopOptions): void {
    if (this.#askedMs === null) this.#report.stopping(countLive(this.#proxy));
    this.#askedMs ??= performance.now();
    this.#settle(this.#proxy.stop(options));
  }
}

const countLive = (proxy: SmartProxy | ProxyWorkers): number =>
  proxy instanceof ProxyWorkers
    ? proxy.getWorkers().reduce((sum, { connections }) => sum + connections, 0)
    : proxy.getConnections().length;

/** Rejects once every place is empty for good. */
async function noneLeft(workers: ProxyWorkers): Promise<never> {
  let left = workers.getWorkers().length;
  await new Promise<void>((resolve) => {
    workers.on('worker-gave-up', () => {
      left--;
      if (left === 0) resolve();
    });
  });
  await workers.stop({ graceMs: 0 });
  throw new ProxyError('NOT_RUNNING', 'all workers died too often');
}

function warnOfOldNode({ nodeVersion, err }: IHost): void {
  const major = Number.parseInt(nodeVersion, 10);
  if (major >= 22) return;
  err(
    `smartproxy: Node ${major} is past its end of life: its security holes stay open; Node 22 and later are maintained`,
  );
}
