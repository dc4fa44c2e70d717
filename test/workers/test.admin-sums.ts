// What several workers say of the same things becomes one.

import type { IAdminCertificate, IAdminConnection, IAdminTarget } from '../../ts/admin/view.js';
import { joinCertificates, joinConnections, joinTargets } from '../../ts/workers/admin-sums.js';
import { expect, tap } from '../helpers/tapbundle.js';

const connection = (id: string, since: number) => ({ id, since }) as IAdminConnection;

tap.test('connections are joined by age, within the limit, and counted beyond it', () => {
  const lists = [
    { total: 7, matched: 3, connections: [connection('b', 9), connection('a', 3)] },
    { total: 2, matched: 1, connections: [connection('c', 5)] },
  ];
  const { total, matched, connections } = joinConnections(lists, 2);
  expect([total, matched, connections.map(({ id }) => id)]).toEqual([9, 4, ['b', 'c']]);
  expect(joinConnections([], 5)).toEqual({ total: 0, matched: 0, connections: [] });
});

tap.test('a target is up where any worker has it up, and down with the first reason', () => {
  const target = (name: string, why: string | null, active: number): IAdminTarget => ({
    ...{ target: name, up: why === null, why, active },
  });
  const lists = [
    [target('a:1', 'refused', 1), target('b:1', null, 2), target('c:1', 'timeout', 0)],
    [target('a:1', null, 3), target('b:1', 'refused', 4), target('c:1', 'refused', 5), target('d:1', null, 6)],
  ];
  expect([...joinTargets(lists)]).toEqual([
    target('a:1', null, 4),
    target('b:1', null, 6),
    target('c:1', 'timeout', 5),
    target('d:1', null, 6),
  ]);
});

tap.test('of a certificate the newest counts, then the last failure', () => {
  const certificate = (id: string, notAfter: number | null, failedAt: number | null) =>
    ({
      id,
      notAfter,
      lastError: failedAt === null ? null : { type: 't', detail: '', at: failedAt },
    }) as IAdminCertificate;
  const lists = [
    [certificate('a', 1, 5), certificate('b', null, null)],
    [certificate('a', 2, null), certificate('b', null, 7)],
    [certificate('a', 1, null), certificate('b', null, 6)],
  ];
  expect(joinCertificates(lists)).toEqual([certificate('a', 2, null), certificate('b', null, 7)]);
});

export default tap.start();
