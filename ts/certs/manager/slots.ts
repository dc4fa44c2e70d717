// Where in a store lies what belongs to a need. Each issuer has a place of its own: proxies with different issuers share
// one store, and whoever goes back to a former issuer finds its certificate.

import type { ICertLock, ICertStore, IStoredCertificate } from '../store/store-types.js';
import { shortHash } from './manager-ports.js';
import { type IPlan, isEmptyPlan, readPlan } from './plan.js';

/** The issuer of what the host program gives. */
export const functionIssuer = 'function';
/** The issuer of what the operator put in. */
export const importedIssuer = 'imported';

/** The id in the store of a need's certificate by that issuer. What no authority issued has one place. */
export const slotOf = (id: string, issuer: string): string =>
  `${id}/${isAuthority(issuer) ? shortHash(issuer) : given}`;

/** The need that an id in the store belongs to. */
export const needOfSlot = (slot: string): string => slot.split('/', 1)[0] ?? slot;

export const isAuthority = (issuer: string): boolean => issuer.startsWith('https:');

const given = 'given';

/** For that certificate, its orders and its plan. */
export const lockNameOf = (id: string, issuer: string): string => `certificate/${slotOf(id, issuer)}`;

/** Of the failures with a source; written under the lock of its certificate. */
export const planKeyOf = (id: string, source: string): string => `plan/${id}/${shortHash(source)}`;

/** What is known of when a certificate is to be renewed. */
export const windowKeyOf = (id: string, issuer: string): string => `renewal/${slotOf(id, issuer)}`;

/**
 * What is stored for a need by these authorities and by none. Version 0.3 had one place for all, which has the need's own
 * id: it is read, and left when its issuer has filled its own. Rejects if nothing can be read, but might be there.
 */
export async function readCertificates(
  store: ICertStore,
  id: string,
  authorities: readonly string[],
): Promise<readonly IStoredCertificate[]> {
  const places = [...authorities.map((issuer) => slotOf(id, issuer)), slotOf(id, importedIssuer), id];
  const read = await Promise.allSettled(places.map((place) => store.readCertificate(place)));
  const found = read.flatMap((one) => (one.status === 'fulfilled' && one.value !== null ? [one.value] : []));
  for (const one of read) if (found.length === 0 && one.status === 'rejected') throw one.reason;
  return found;
}

/** Puts a certificate in its place. */
export async function writeCertificate(
  store: ICertStore,
  id: string,
  certificate: IStoredCertificate,
  lock: ICertLock,
): Promise<void> {
  await store.writeCertificate(slotOf(id, certificate.meta.issuer), certificate, lock);
}

/** Of the place that version 0.3 had, once its issuer has filled its own. */
export async function dropFormer(store: ICertStore, id: string, issuer: string, lock: ICertLock): Promise<void> {
  const former = await store.readCertificate(id);
  if (former !== null && slotOf(id, former.meta.issuer) === slotOf(id, issuer)) await store.removeCertificate(id, lock);
}

/** What is known of failures with each source, as far as there is anything. Version 0.3 had one record for all. */
export async function readPlans(
  store: ICertStore,
  id: string,
  sources: readonly string[],
): Promise<ReadonlyMap<string, IPlan>> {
  const [former, ...own] = await Promise.all([
    store.readRecord(`plan/${id}`),
    ...sources.map((source) => store.readRecord(planKeyOf(id, source))),
  ]);
  const plans = sources.map((source, i): [string, IPlan] => {
    const plan = readPlan(own[i] ?? former);
    return [source, { ...plan, issuers: plan.issuers.filter(({ failure }) => failure.issuer === source) }];
  });
  return new Map(plans.filter(([, plan]) => !isEmptyPlan(plan)));
}
