// Targets with their hosts and ports settled for one connection, the operator's functions asked.

import { ProxyError } from '../../base/errors.js';
import { normaliseHost } from '../../codec/host.js';
import type { IResolvedTarget } from '../../config/resolved.js';
import type { IRouteContext } from '../../config/types.js';
import * as plugins from '../../plugins.js';
import type { IPlace } from './target-pool.js';

/** Hosts that one answer of a function may hold. */
const maxHosts = 256;

/** True if a function has to be asked where it leads. */
export const isAsked = ({ host, port }: IResolvedTarget): boolean =>
  typeof host === 'function' || typeof port === 'function';

/** One place per target and host. Throws `TARGET_FUNCTION_FAILED`. */
export function placesOf(
  targets: readonly IResolvedTarget[],
  clientPort: number,
  contextOf: () => IRouteContext,
): readonly IPlace[] {
  let context: IRouteContext | undefined;
  const ask = <T>(what: string, answer: (context: IRouteContext) => T): T => {
    try {
      context ??= contextOf();
      return answer(context);
    } catch (error) {
      throw new ProxyError('TARGET_FUNCTION_FAILED', `the function for a target's ${what} threw`, { cause: error });
    }
  };
  return targets.flatMap((target) => {
    const hosts = typeof target.host === 'function' ? readHosts(ask('host', target.host)) : target.host;
    const port = typeof target.port === 'function' ? readPort(ask('port', target.port)) : target.port;
    return hosts.map((host) => ({ host, port: port === 'preserve' ? clientPort : port, target }));
  });
}

/** Functions are the operator's and may be plain JavaScript: what they give is unknown. */
function readHosts(answer: unknown): readonly string[] {
  const hosts = Array.isArray(answer) ? (answer as unknown[]) : [answer];
  if (hosts.length === 0 || hosts.length > maxHosts) {
    throw new ProxyError('TARGET_FUNCTION_FAILED', `the function for a target's host gave ${hosts.length} hosts`);
  }
  // All are looked at before the first one throws: each may be a promise that will reject.
  const names = hosts.map((host) => readHost(host));
  const wrong = names.indexOf(null);
  if (wrong >= 0) throw unusable('host', hosts[wrong]);
  return names.filter((name) => name !== null);
}

function readHost(answer: unknown): string | null {
  silence(answer);
  if (typeof answer !== 'string') return null;
  const bare = answer.startsWith('[') && answer.endsWith(']') ? answer.slice(1, -1) : answer;
  return plugins.net.isIP(bare) === 0 ? normaliseHost(answer) : bare;
}

function readPort(answer: unknown): number {
  silence(answer);
  if (typeof answer === 'number' && Number.isInteger(answer) && answer >= 1 && answer <= 65_535) return answer;
  throw unusable('port', answer);
}

/** Nobody waits for the promise of an async function: its rejection must not end the process. */
function silence(answer: unknown): void {
  if (answer instanceof Promise) answer.catch(() => {});
}

function unusable(what: string, answer: unknown): ProxyError {
  const got =
    answer instanceof Promise
      ? 'a promise; it must not be async'
      : typeof answer === 'string'
        ? JSON.stringify(answer.slice(0, 80))
        : typeof answer === 'number'
          ? String(answer)
          : `a value of type ${typeof answer}`;
  return new ProxyError('TARGET_FUNCTION_FAILED', `the function for a target's ${what} gave ${got}`);
}
