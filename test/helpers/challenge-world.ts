// The parts of a proxy that listens, with challenges that the test presents itself: no authority has a say.

import { EventEmitter } from 'node:events';
import { ProxyError } from '../../ts/base/errors.js';
import { ChallengeAnswers } from '../../ts/certs/challenge-answers.js';
import type { IChallengeToShow } from '../../ts/certs/manager/manager-types.js';
import { resolveConfig } from '../../ts/config/resolve.js';
import { takeSnapshot } from '../../ts/flow/snapshot.js';
import { endTable, type IConnectionRecord, type ISmartProxyOptions, type TEnd } from '../../ts/index.js';
import { makeProxyParts } from '../../ts/proxy-parts.js';
import { makeAcme } from './certificate-world.js';
import { makeFakeDisk } from './fake-store.js';

export interface IChallengeWorld extends AsyncDisposable {
  readonly answers: ChallengeAnswers;
  readonly ports: readonly number[];
  readonly errors: readonly ProxyError[];
  /** The words that connections have ended with. */
  readonly ends: readonly string[];
  present(kind: 'http-01' | 'tls-alpn-01', name: string, token?: string): Promise<IChallengeToShow>;
}

const never = new AbortController().signal;

/** Listens on loopback; orders nothing. */
export async function startChallengeWorld(options: Partial<ISmartProxyOptions>): Promise<IChallengeWorld> {
  const config = resolveConfig({
    listenAddress: '127.0.0.1',
    routes: [],
    certificateStore: makeFakeDisk().open(),
    ...options,
  });
  const emitter = new EventEmitter();
  const errors: ProxyError[] = [];
  const ends: string[] = [];
  emitter.on('error', (error: unknown) =>
    errors.push(error instanceof ProxyError ? error : new ProxyError('LISTEN_FAILED', String(error))),
  );
  emitter.on('connection-end', ({ phase }: IConnectionRecord, end: TEnd) => {
    ends.push(end);
    const { phases }: { phases: readonly string[] } = endTable[end];
    if (!phases.includes(phase)) errors.push(new ProxyError('LISTEN_FAILED', `${end} in phase ${phase}`));
  });
  const parts = makeProxyParts({ config, logger: undefined, host: {}, emitter, snapshot: () => snapshot });
  const snapshot = takeSnapshot(config, parts.forward);
  await parts.certificates.attach(config);
  await parts.ports.open(snapshot.points);
  await parts.ports.tryOpen(snapshot.provingPoints);
  const { challenges: answers } = parts.certificates.managed;
  if (!(answers instanceof ChallengeAnswers)) throw new Error('challenges are answered from elsewhere');
  return {
    answers,
    get ports() {
      return parts.ports.numbers;
    },
    ...{ errors, ends },
    async present(kind, name, token = 'token-1') {
      const shown = { kind, name, token, keyAuthorization: `${token}.thumbprint`, dnsValue: '', acme: makeAcme() };
      await (kind === 'http-01' ? answers.http : answers.tls).present(shown, never);
      return shown;
    },
    async [Symbol.asyncDispose]() {
      await parts.ports.close();
      await parts.connections.cleanup();
      await parts.certificates.stop();
      await parts.http.cleanup();
      await parts.certificates.contexts.cleanup();
      await parts.registry.cleanup();
      await parts.ownResolver?.cleanup();
      await parts.kernel.cleanup();
    },
  };
}
