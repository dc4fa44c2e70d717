// Which failures of a dial or a probe speak against the target, and in which words.

import { messageOf, ProxyError } from '../../base/errors.js';

/** Failures of our own machine: the target was not even asked. */
const localCodes = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRNOTAVAIL', 'EADDRINUSE', 'EPERM', 'EACCES']);

/** True if the target, not the client, the operator or this machine, made the dial fail. */
export function blamesTarget(error: unknown): boolean {
  const code = systemCode(error);
  if (code !== null && localCodes.has(code)) return false;
  return error instanceof ProxyError ? error.blame === 'upstream' : code !== null;
}

/** In a few words: `ECONNREFUSED` says more than the sentence around it. */
export const briefly = (error: unknown): string => systemCode(error) ?? messageOf(error);

/** `ECONNREFUSED` and the like. What Node itself objects to is `ERR_...`, or it names a system call. */
const systemCodes = /^E[A-Z0-9]+$/;

/** The code that the operating system or DNS gave, of an error or of what led to it; null: none. */
function systemCode(error: unknown): string | null {
  if (error instanceof ProxyError) return systemCode(error.cause);
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return null;
  return 'syscall' in error || systemCodes.test(error.code) ? error.code : null;
}
