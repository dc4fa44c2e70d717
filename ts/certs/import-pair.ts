// Puts a certificate from elsewhere where those that were ordered are kept.

import type { IClock } from '../base/clock.js';
import { messageOf, ProxyError } from '../base/errors.js';
import { factsOf, type ICertificateFacts, refusalOf } from './manager/certificate-facts.js';
import { locked } from './manager/issuance.js';
import { needIdOf } from './manager/kept.js';
import { dropFormer, importedIssuer, writeCertificate } from './manager/slots.js';
import type { ICertStore, IStoredCertificate } from './store/store-types.js';

export interface IImportParts {
  readonly store: ICertStore;
  readonly clock: IClock;
}

/**
 * For each of the lists of names that the certificate can stand for.
 * @returns those lists
 * @throws ProxyError CERTIFICATE_INVALID, CERTIFICATE_UNKNOWN if there is none, those of the store
 */
export async function importPair(
  parts: IImportParts,
  { cert, key }: Pick<IStoredCertificate, 'cert' | 'key'>,
  lists: readonly (readonly string[])[],
): Promise<readonly (readonly string[])[]> {
  const facts = readFacts(cert, key);
  const nowMs = parts.clock.wallMs();
  const refusals = lists.map((names) => refusalOf(facts, names, nowMs, null));
  const fitting = lists.filter((_, i) => refusals[i] === null);
  // With its own names nothing but its validity or its key can be wrong.
  const refusal = refusalOf(facts, facts.names, nowMs, null);
  if (refusal !== null) throw new ProxyError('CERTIFICATE_INVALID', refusal);
  if (fitting.length === 0) {
    const why = `no route wants a certificate for what this one is for: ${facts.names.join(', ')}`;
    throw new ProxyError('CERTIFICATE_UNKNOWN', why);
  }
  const { notBefore, notAfter, serial } = facts;
  const known = {
    ...{ notBefore, notAfter, serial, issuedAt: nowMs },
    issuer: importedIssuer,
    profile: null,
    challenge: null,
  };
  for (const names of fitting) {
    const id = needIdOf(names);
    await locked(parts, id, importedIssuer, AbortSignal.timeout(lockLimitMs), async (lock) => {
      const stored = { cert, key, meta: { ...known, names, ari: null, generation: 0 } };
      await writeCertificate(parts.store, id, stored, lock);
      await dropFormer(parts.store, id, importedIssuer, lock);
    });
  }
  return fitting;
}

function readFacts(cert: string, key: string): ICertificateFacts {
  try {
    return factsOf(cert, key);
  } catch (cause) {
    throw new ProxyError('CERTIFICATE_INVALID', `this is no certificate with its key: ${messageOf(cause)}`, { cause });
  }
}

const lockLimitMs = 60_000;
