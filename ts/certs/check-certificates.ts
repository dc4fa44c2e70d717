// Looks at every certificate, key and cipher list that a configuration holds, before anything is served by it.

import { ConfigError, type IFault, messageOf } from '../base/errors.js';
import type { IResolvedConfig, IResolvedRoute, IResolvedTls, IResolvedUpstreamTls } from '../config/resolved.js';
import * as plugins from '../plugins.js';
import { asBytes, type IKeyPair, problemOf, problemOfAuthorities } from './pem.js';
import { secureOptions } from './tls-context.js';

/** @throws ConfigError with every fault that `checkCertificates` finds. */
export function refuseBadCertificates(config: IResolvedConfig, isKnown?: (key: string) => boolean): void {
  const faults = checkCertificates(config, isKnown);
  if (faults.length > 0) throw new ConfigError(faults);
}

/**
 * All faults at once. Certificates in files are not looked at: whoever reads them judges them.
 * @param isKnown for settings that were found good before: looking costs about a millisecond each
 */
export function checkCertificates(config: IResolvedConfig, isKnown: (key: string) => boolean = () => false): IFault[] {
  const good = new Set<string>();
  return config.routes.flatMap((route) => {
    const path = `routes[${route.index}].action`;
    const own =
      route.tls === null || isKnown(route.tls.key) ? [] : remember(good, route.tls.key, () => ofRoute(route, path));
    return [...own, ...ofTargets(route, path, good)];
  });
}

/** Looks again where faults were found: each route that shares them is named. */
function remember(good: Set<string>, key: string, look: () => IFault[]): IFault[] {
  if (good.has(key)) return [];
  const faults = look();
  if (faults.length === 0) good.add(key);
  return faults;
}

function ofRoute({ tls }: IResolvedRoute, path: string): IFault[] {
  if (tls === null) return [];
  const faults: IFault[] = [];
  const pair = pairOf(tls);
  const problem = pair === null ? null : problemOf(pair);
  if (problem !== null) {
    faults.push({ path: `${path}.tls.certificate`, want: 'a certificate and its key in PEM', got: problem });
  }
  const authorities = tls.clientAuth === null ? null : problemOfAuthorities(tls.clientAuth.ca);
  if (authorities !== null) {
    faults.push({ path: `${path}.tls.clientAuth.ca`, want: 'certificates in PEM', got: authorities });
  }
  if (faults.length > 0) return faults;
  const refusal = refusalOf(tls, pair);
  return refusal === null ? [] : [{ ...refusal, path: `${path}.tls.${refusal.path}` }];
}

/** What OpenSSL itself does not like about settings whose parts are well. */
function refusalOf(tls: IResolvedTls, pair: IKeyPair | null): IFault | null {
  const { createSecureContext } = plugins.requireTls();
  const { cert: _cert, key: _key, passphrase: _passphrase, ...rest } = secureOptions(tls, pair ?? noPair);
  try {
    createSecureContext(rest);
  } catch (error) {
    return { path: 'ciphers', want: "ciphers in OpenSSL's notation", got: `${tls.ciphers}: ${messageOf(error)}` };
  }
  if (pair === null) return null;
  try {
    createSecureContext(secureOptions(tls, pair));
  } catch (error) {
    return { path: 'certificate', want: 'a certificate that can be served', got: messageOf(error) };
  }
  return null;
}

/** For the options that do not depend on it. */
const noPair: IKeyPair = { cert: '', key: '', ca: null, passphrase: null };

/** What stands in the configuration itself; null: it is in files. */
export function pairOf({ certificate }: IResolvedTls): IKeyPair | null {
  if (!('cert' in certificate)) return null;
  const { cert, key, ca = null, passphrase = null } = certificate;
  return { cert, key, ca, passphrase };
}

function ofTargets({ action }: IResolvedRoute, path: string, good: Set<string>): IFault[] {
  if (action.type !== 'forward') return [];
  return action.targets.flatMap(({ tls }, index) => {
    if (tls === null) return [];
    return remember(good, tls.key, () => ofTarget(tls, `${path}.targets[${index}].tls`));
  });
}

function ofTarget({ ca, cert, certKey, passphrase }: IResolvedUpstreamTls, path: string): IFault[] {
  const faults: IFault[] = [];
  const authorities = ca === null ? null : problemOfAuthorities(ca);
  if (authorities !== null) faults.push({ path: `${path}.ca`, want: 'certificates in PEM', got: authorities });
  if (cert === null || certKey === null) return faults;
  const problem = problemOf({ cert, key: certKey, ca: null, passphrase }) ?? refusalOfClient(cert, certKey, passphrase);
  if (problem !== null) faults.push({ path: `${path}.cert`, want: 'a certificate and its key in PEM', got: problem });
  return faults;
}

function refusalOfClient(
  cert: string | Uint8Array,
  key: string | Uint8Array,
  passphrase: string | null,
): string | null {
  try {
    const secret = passphrase === null ? {} : { passphrase };
    plugins.requireTls().createSecureContext({ cert: asBytes(cert), key: asBytes(key), ...secret });
    return null;
  } catch (error) {
    return messageOf(error);
  }
}
