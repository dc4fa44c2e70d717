// Certificates that the proxy gets by itself: settings put together from the route's and everybody's, names from the match.

import { isIpLiteral } from '../codec/host.js';
import * as plugins from '../plugins.js';
import { acmeDefaults } from './defaults.js';
import type { IResolvedAcme, IResolvedDns } from './resolved-acme.js';
import { textOfPem } from './schema-text.js';
import type { IAcmeOptions, TChallengeKind } from './types.js';

export const letsEncrypt = {
  production: 'https://acme-v02.api.letsencrypt.org/directory',
  staging: 'https://acme-staging-v02.api.letsencrypt.org/directory',
} as const;

/** The route's own field wins, field by field; two names of one option are one field. */
export function mergeAcme(common: IAcmeOptions | undefined, own: IAcmeOptions | undefined): IAcmeOptions {
  return { ...oneName(common), ...oneName(own) };
}

function oneName({ accountEmail, port, ...acme }: IAcmeOptions = {}): IAcmeOptions {
  return {
    ...(accountEmail === undefined ? {} : { email: accountEmail }),
    ...(port === undefined ? {} : { challengePort: port }),
    ...acme,
  };
}

/** `acme` is merged and valid. */
export function resolveAcme(acme: IAcmeOptions): IResolvedAcme {
  const { profile, renewBeforeDays = null, eab = null, onDemand } = acme;
  const settings = {
    email: acme.email ?? null,
    directoryUrls: directoriesOf(acme),
    directoryCa: acme.directoryCa === undefined ? null : textOfPem(acme.directoryCa),
    challengePort: acme.challengePort ?? acmeDefaults.challengePort,
    challenges: acme.challenges ?? (acme.dns === undefined ? acmeDefaults.challenges : (['dns-01'] as const)),
    renewBeforeDays,
    profile:
      profile === undefined ? null : { prefer: false, ...(typeof profile === 'string' ? { name: profile } : profile) },
    keyType: acme.keyType ?? acmeDefaults.keyType,
    eab,
    dns: acme.dns === undefined ? null : dnsOf(acme.dns),
    onDemand:
      onDemand === undefined
        ? null
        : { ask: (name: string) => onDemand.ask(name), maxPerHour: onDemand.maxPerHour ?? acmeDefaults.maxPerHour },
    preferredChain: acme.preferredChain ?? null,
    strictExpiry: acme.strictExpiry ?? acmeDefaults.strictExpiry,
  };
  const written = JSON.stringify(settings) + identity(acme.dns) + identity(onDemand);
  return { key: plugins.crypto.createHash('sha256').update(written).digest('base64url'), ...settings };
}

const directoriesOf = ({
  directoryUrl,
  useProduction = acmeDefaults.useProduction,
}: IAcmeOptions): readonly string[] => {
  if (directoryUrl === undefined) return [useProduction ? letsEncrypt.production : letsEncrypt.staging];
  return typeof directoryUrl === 'string' ? [directoryUrl] : [...new Set(directoryUrl)];
};

function dnsOf(dns: NonNullable<IAcmeOptions['dns']>): IResolvedDns {
  const propagationDelayMs = dns.propagationDelay ?? 0;
  if ('command' in dns) return { hook: null, command: [...dns.command], propagationDelayMs };
  const hook: IResolvedDns['hook'] = {
    set: (record, signal) => dns.set(record, signal),
    remove: (record, signal) => dns.remove(record, signal),
  };
  return { hook, command: null, propagationDelayMs };
}

/** Functions are equal only if they are the same. */
const identities = new WeakMap<object, number>();
let identified = 0;

function identity(holder: object | undefined): string {
  if (holder === undefined) return '';
  return Object.values(holder)
    .filter((value) => typeof value === 'function')
    .map((value) => {
      const known = identities.get(value) ?? ++identified;
      identities.set(value, known);
      return ` #${known}`;
    })
    .join('');
}

/**
 * The certificates that a route needs: a list of names each. Each name has its own, so that one that fails delays no other;
 * a wildcard and the name above it share one. `own`: what `tls.names` adds. Without `wildcards` those are for names that
 * clients ask for.
 */
export function certificateNames(
  domains: readonly string[] | null,
  own: readonly string[],
  wildcards = true,
): readonly (readonly string[])[] {
  const all = [...(domains ?? []), ...own].filter(
    (name) => canBeCertified(name) && (wildcards || !name.startsWith('*')),
  );
  const names = new Set(all);
  const lists: string[][] = [];
  for (const name of names) {
    if (name.startsWith('*.') && names.has(name.slice(2))) lists.push([name.slice(2), name]);
    else if (!names.has(`*.${name}`)) lists.push([name]);
  }
  return lists;
}

/** Authorities give certificates for wildcards by a record alone. */
export const provesWildcards = (challenges: readonly TChallengeKind[]): boolean =>
  challenges.some((kind) => kind.startsWith('dns'));

/** A name, an address, or a wildcard of one whole label (RFC 6125 §6.4.3). */
export const canBeCertified = (name: string): boolean =>
  isIpLiteral(name) || !/[*?[\]]/.test(name.startsWith('*.') ? name.slice(2) : name);
