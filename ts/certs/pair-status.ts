// What a certificate says of itself, in the form in which all certificates are told of.

import * as plugins from '../plugins.js';
import type { ICertificateEvent, ICertificateStatus, TCertificateSource } from './manager/manager-types.js';
import { asBytes, type IKeyPair } from './pem.js';

/** A certificate that is not ordered. */
export interface IKnownPair {
  readonly id: string;
  /** null: those that the certificate has. */
  readonly names: readonly string[] | null;
  /** Keys of routes. */
  readonly routes: readonly string[];
  readonly source: TCertificateSource;
  /** null: there is none. */
  readonly pair: IKeyPair | null;
}

/** As the certificate says; times are milliseconds since 1970. */
export interface IPairFacts {
  readonly names: readonly string[];
  readonly serial: string;
  readonly notBefore: number;
  readonly notAfter: number;
}

/** Each is read once. */
export function factsOf(pair: IKeyPair): IPairFacts {
  const known = facts.get(pair);
  if (known !== undefined) return known;
  const {
    subjectAltName = '',
    serialNumber,
    validFrom,
    validTo,
  } = new plugins.crypto.X509Certificate(asBytes(pair.cert));
  const names = subjectAltName.split(', ').flatMap((part) => /^(?:DNS|IP Address):"?([^"]+)"?$/.exec(part)?.[1] ?? []);
  const read = {
    names: names.map((name) => name.toLowerCase()),
    serial: serialNumber,
    notBefore: Date.parse(validFrom),
    notAfter: Date.parse(validTo),
  };
  facts.set(pair, read);
  return read;
}

const facts = new WeakMap<IKeyPair, IPairFacts>();

export function statusOfPair({ id, names, routes, source, pair }: IKnownPair): ICertificateStatus {
  const known = pair === null ? null : factsOf(pair);
  return {
    ...{ id, names: names ?? known?.names ?? [], routes, state: 'idle', onDemand: false },
    source: pair === null ? null : source,
    issuer: pair === null ? null : source,
    ...{ profile: null, challenge: null },
    serial: known?.serial ?? null,
    notBefore: known?.notBefore ?? null,
    notAfter: known?.notAfter ?? null,
    ...{ renewAt: null, ari: null, lastError: null, nextAttemptAt: null },
  };
}

export function eventOfPair(known: IKnownPair, kind: ICertificateEvent['kind'], at: number): ICertificateEvent {
  const { id, names, routes, issuer, serial, notAfter } = statusOfPair(known);
  return { ...{ kind, at, id, names, routes, issuer, serial, notAfter }, nextAttemptAt: null, error: null };
}
