// What must hold between the options of certificates that the proxy gets by itself.

import { gotText, type IPathFault, type TKey } from './faults.js';
import type { IAcmeOptions, IRouteTls } from './types.js';

/** Of one `acme` object at `place`, by itself. */
export function checkAcme(acme: IAcmeOptions, place: readonly TKey[]): readonly IPathFault[] {
  const faults: IPathFault[] = [];
  const pairs = [
    ['email', 'accountEmail'],
    ['challengePort', 'port'],
    ['directoryUrl', 'useProduction'],
  ] as const;
  for (const [one, other] of pairs) {
    if (acme[one] === undefined || acme[other] === undefined) continue;
    faults.push({ path: [...place, other], want: `nothing, as ${one} is given`, got: gotText(acme[other]) });
  }
  return faults;
}

/** Of one `tls` object at `place` that terminates. */
export function checkManagedTls(tls: IRouteTls, place: readonly TKey[]): readonly IPathFault[] {
  const faults: IPathFault[] = [];
  const { acme, names, certificate } = tls;
  if (acme !== undefined && certificate !== 'auto') {
    faults.push({ path: [...place, 'acme'], want: "nothing unless certificate is 'auto'", got: 'an object' });
  }
  if (names !== undefined && certificate !== undefined && typeof certificate !== 'string') {
    const want = "nothing unless certificate is 'auto' or 'internal'";
    faults.push({ path: [...place, 'names'], want, got: gotText(names) });
  }
  if (acme !== undefined && certificate === 'auto') faults.push(...checkAcme(acme, [...place, 'acme']));
  return faults;
}
