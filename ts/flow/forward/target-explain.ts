// Says of each target of a route what a connection would make of it.

import type { IResolvedTarget } from '../../config/resolved.js';
import type { ICandidate, TAlgorithm } from './balancer.js';
import type { TargetPool } from './target-pool.js';
import type { TargetState } from './target-state.js';
import type { ITargetVerdict } from './target-types.js';

/** The candidates of a pool, in the route's order. */
export function explainPool(pool: TargetPool, algorithm: TAlgorithm, clientHash: number): ITargetVerdict[] {
  const first = pool.choose({ tried: pool.barred(), clientHash, commit: false });
  const rivals = first === null ? [] : pool.candidates.filter((candidate) => isRival(candidate, first));
  const drawn = algorithm === 'random-two-choices' && rivals.length > 1;
  return pool.candidates.map((candidate) => {
    const { host, port } = candidate.state;
    const chosen = candidate === first && !drawn;
    const why = verdictOn(candidate, chosen, drawn && rivals.includes(candidate));
    return { host, port, chosen, why, ...(chosen ? { speaks: versionOf(candidate.state) } : {}) };
  });
}

function versionOf({ backendProtocol, tls }: TargetState): string {
  if (tls === null) return backendProtocol === 'http2' ? 'HTTP/2' : 'HTTP/1.1';
  if (backendProtocol === 'auto') return 'HTTP/2 over TLS, or HTTP/1.1 if the target chooses that';
  return backendProtocol === 'http2' ? 'HTTP/2 over TLS' : 'HTTP/1.1 over TLS';
}

/** True if both are in the list that is chosen from. In panic that is everybody. */
function isRival({ state, target }: ICandidate, first: ICandidate): boolean {
  if (!first.state.up) return true;
  return state.up && target.backup === first.target.backup;
}

function verdictOn({ state, target }: ICandidate, chosen: boolean, mayBeDrawn: boolean): string {
  const ailment = state.ailment();
  const last = ailment === null ? '' : `, as all are down: ${ailment}`;
  if (chosen) return `would be chosen${last}`;
  if (mayBeDrawn) return `may be chosen: chance and load decide${last}`;
  if (ailment !== null) return ailment;
  return target.backup ? 'backup' : 'up, another comes first';
}

/** The targets that do not serve the port. */
export function explainUnfit(
  targets: readonly IResolvedTarget[],
  fitting: readonly IResolvedTarget[],
  port: number,
): ITargetVerdict[] {
  return targets
    .filter((target) => !fitting.includes(target))
    .flatMap((target) => {
      const hosts = typeof target.host === 'function' ? ['(function)'] : target.host;
      const place = typeof target.port === 'number' ? target.port : target.port === 'preserve' ? port : null;
      return hosts.map((host) => ({ host, port: place, chosen: false, why: unfitness(target, port) }));
    });
}

function unfitness({ matchPorts }: IResolvedTarget, port: number): string {
  if (matchPorts === null) return 'fallback for ports that no other target names';
  const named = matchPorts.some(({ from, to }) => port >= from && port <= to);
  return named ? 'lower priority than others for this port' : 'other port';
}
