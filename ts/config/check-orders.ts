// What an order needs: whom it is from, names that authorities certify, and a way to prove them.

import { isIpLiteral } from '../codec/host.js';
import type { IMatchOfRoute } from './check-all.js';
import { acmeDefaults } from './defaults.js';
import { gotText, type IPathFault } from './faults.js';
import { canBeCertified, certificateNames, mergeAcme, provesWildcards, resolveAcme } from './resolve-acme.js';
import { terminates } from './route-tls.js';
import type { IAcmeOptions } from './types.js';

/** Of the routes whose certificates are ordered: `common` is everybody's `acme`. */
export function checkOrders(
  matches: readonly IMatchOfRoute[],
  common: IAcmeOptions | undefined,
): readonly IPathFault[] {
  const ordered = matches.flatMap((route) => {
    if (!terminates(route.tls) || route.tls.certificate !== 'auto') return [];
    return [{ route, acme: mergeAcme(common, route.tls.acme) }];
  });
  return [...ordered.flatMap(({ route, acme }) => checkOrder(route, acme)), ...checkShared(ordered)];
}

interface IOrdered {
  readonly route: IMatchOfRoute;
  readonly acme: IAcmeOptions;
}

/** Routes that want a certificate for the same names have one, which is got in one way. */
function checkShared(ordered: readonly IOrdered[]): readonly IPathFault[] {
  const known = new Map<string, { readonly index: number; readonly key: string }>();
  const faults: IPathFault[] = [];
  for (const { route, acme } of ordered) {
    const { index, match, tls } = route;
    const { key, challenges } = resolveAcme(acme);
    for (const names of certificateNames(match.domains, tls?.names ?? [], provesWildcards(challenges))) {
      const id = names.join(' ');
      const other = known.get(id) ?? { index, key };
      known.set(id, other);
      if (other.key === key) continue;
      const want = `the settings of routes[${other.index}], which has the same certificate: for ${names.join(', ')}`;
      faults.push({ path: ['routes', index, 'action', 'tls', 'acme'], want, got: 'others' });
      break;
    }
  }
  return faults;
}

function checkOrder({ index, match, tls }: IMatchOfRoute, acme: IAcmeOptions): readonly IPathFault[] {
  const place = ['routes', index, 'action', 'tls', 'acme'];
  const faults: IPathFault[] = [];
  if (acme.email === undefined) {
    const want = "an e-mail address, or null for none: certificate 'auto' needs it here or in the top-level acme";
    faults.push({ path: [...place, 'email'], want, got: 'nothing' });
  }
  const challenges = acme.challenges ?? (acme.dns === undefined ? acmeDefaults.challenges : ['dns-01']);
  const byRecord = challenges.includes('dns-01');
  if (byRecord && acme.dns === undefined) {
    faults.push({
      path: [...place, 'dns'],
      want: "{ set, remove } or { command }, as challenges has 'dns-01'",
      got: 'nothing',
    });
  }
  if (!byRecord && acme.dns !== undefined) {
    faults.push({
      path: [...place, 'challenges'],
      want: "'dns-01' among them, as dns is given",
      got: gotText(acme.challenges),
    });
  }
  const onlyRecords = challenges.every((kind) => kind.startsWith('dns'));
  const fault = nameFault([...(match.domains ?? []), ...(tls?.names ?? [])], {
    onDemand: acme.onDemand !== undefined,
    byDns: provesWildcards(challenges),
    onlyRecords,
  });
  if (fault !== null) faults.push({ path: ['routes', index, 'match', 'domains'], ...fault });
  return faults;
}

interface IWays {
  readonly onDemand: boolean;
  readonly byDns: boolean;
  readonly onlyRecords: boolean;
}

function nameFault(names: readonly string[], { onDemand, byDns, onlyRecords }: IWays) {
  if (names.length === 0 && !onDemand) {
    return {
      want: "names to order certificates for, as certificate is 'auto' (or tls.names, or acme.onDemand)",
      got: 'nothing',
    };
  }
  for (const name of names) {
    const got = gotText(name);
    if (!canBeCertified(name) && !onDemand) {
      return {
        want: 'names that a certificate can be ordered for: whole ones and *.example.com (or acme.onDemand)',
        got,
      };
    }
    if (name.startsWith('*.') && !byDns && !onDemand) {
      return { want: "no wildcard, or 'dns-01' among acme.challenges: authorities ask for it", got };
    }
    if (isIpLiteral(name) && onlyRecords) {
      return { want: "'http-01' or 'tls-alpn-01' among acme.challenges, as there is an address", got };
    }
  }
  return null;
}
