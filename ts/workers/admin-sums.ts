// What several workers say of the same things, as one.

import type { IAdminCertificate, IAdminTarget, IConnectionList } from '../admin/view.js';

export function joinConnections(lists: readonly IConnectionList[], limit: number): IConnectionList {
  const connections = lists.flatMap((list) => list.connections);
  connections.sort((a, b) => b.since - a.since);
  return {
    total: lists.reduce((sum, { total }) => sum + total, 0),
    matched: lists.reduce((sum, { matched }) => sum + matched, 0),
    connections: connections.slice(0, limit),
  };
}

/** Each worker finds out by itself how a target is: it is up where anybody can use it. */
export function joinTargets(lists: readonly (readonly IAdminTarget[])[]): readonly IAdminTarget[] {
  const known = new Map<string, IAdminTarget>();
  for (const each of lists.flat()) {
    const { target, up, why, active } = known.get(each.target) ?? { ...each, active: 0 };
    const isUp = up || each.up;
    known.set(target, { target, up: isUp, why: isUp ? null : (why ?? each.why), active: active + each.active });
  }
  return [...known.values()];
}

/** One worker orders, and others learn of it a little later: who has the newest knows best, then who tells of a failure. */
export function joinCertificates(lists: readonly (readonly IAdminCertificate[])[]): readonly IAdminCertificate[] {
  const known = new Map<string, IAdminCertificate>();
  for (const each of lists.flat()) {
    const before = known.get(each.id);
    if (before === undefined || isBetter(each, before)) known.set(each.id, each);
  }
  return [...known.values()];
}

function isBetter(one: IAdminCertificate, other: IAdminCertificate): boolean {
  const later = (one.notAfter ?? 0) - (other.notAfter ?? 0);
  return later > 0 || (later === 0 && (one.lastError?.at ?? 0) > (other.lastError?.at ?? 0));
}
