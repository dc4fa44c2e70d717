// The host program's resolver, held to its contract: traffic sees addresses or TARGET_UNRESOLVED, whatever it does.

import { messageOf, ProxyError } from '../../base/errors.js';
import * as plugins from '../../plugins.js';
import type { IResolver } from './target-types.js';

/** Wraps it. It is asked for names only: an address is its own answer. */
export function guardResolver(resolver: IResolver): IResolver {
  return {
    resolve(host, signal) {
      if (isAddress(host)) return [host];
      let answer: unknown;
      try {
        answer = resolver.resolve(host, signal);
      } catch (error) {
        throw failureOf(host, error, signal);
      }
      if (!isPromise(answer)) return addressesOf(host, answer);
      return Promise.resolve(answer).then(
        (addresses) => addressesOf(host, addresses),
        (error) => Promise.reject(failureOf(host, error, signal)),
      );
    },
  };
}

const isAddress = (text: string): boolean => plugins.net.isIP(text) !== 0;

const isPromise = (answer: unknown): answer is PromiseLike<unknown> =>
  typeof answer === 'object' && answer !== null && 'then' in answer;

/** A name among them would be looked up by the system, behind everybody's back. */
function addressesOf(host: string, answer: unknown): readonly string[] {
  const addresses = Array.isArray(answer)
    ? answer.filter((entry): entry is string => typeof entry === 'string' && isAddress(entry))
    : [];
  if (addresses.length === 0) throw new ProxyError('TARGET_UNRESOLVED', `the resolver gave no address for ${host}`);
  return addresses;
}

function failureOf(host: string, cause: unknown, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted || cause instanceof ProxyError) return cause;
  return new ProxyError('TARGET_UNRESOLVED', `the resolver failed for ${host}: ${messageOf(cause)}`, { cause });
}
