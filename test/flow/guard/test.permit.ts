import type { forward } from '../../../ts/flow/forward/forward.js';
import { type IAdmitted, Permit } from '../../../ts/flow/guard/permit.js';
import { RouteCounts } from '../../../ts/flow/guard/route-counts.js';
import type { IMatched } from '../../../ts/flow/stages.js';
import { makeConnection } from '../../helpers/make-connection.js';
import { makeAddresses, makeFacts, makeRoute } from '../../helpers/make-route.js';
import { expect, tap } from '../../helpers/tapbundle.js';

type TForwardTakes = Parameters<typeof forward>[0];

const makeMatched = (route = makeRoute()): IMatched => ({
  connection: makeConnection(),
  facts: makeFacts(),
  bytes: null,
  route,
});

tap.test('forwarding what the guard has not seen does not compile, and a look-alike is no permit', async () => {
  const matched = makeMatched();
  // @ts-expect-error: nothing was admitted
  const unguarded: TForwardTakes = matched;
  // @ts-expect-error: the constructor is private
  const made: () => Permit = () => new Permit();
  // @ts-expect-error: the # field is missing
  const forged: IAdmitted = { ...matched, permit: {} };
  // @ts-expect-error: nobody else can have its # field
  class Copy implements Permit {}
  for (const alike of [undefined, null, 1, unguarded, forged.permit, new Copy(), Object.create(Permit.prototype)]) {
    expect(Permit.isGranted(alike)).toBeFalse();
  }
  expect(typeof made).toEqual('function');
});

tap.test('what is admitted goes on as it came, with a permit', async () => {
  const matched = makeMatched();
  const admitted = Permit.admit(matched, new RouteCounts());
  if (typeof admitted === 'string') throw new Error(admitted);
  const { permit, ...rest } = admitted;
  expect(Permit.isGranted(permit)).toBeTrue();
  expect(rest.connection).toBe(matched.connection);
  expect(rest.facts).toBe(matched.facts);
  expect(rest.route).toBe(matched.route);
  const takes: TForwardTakes = admitted;
  expect(takes).toBe(admitted);
});

tap.test('all lists of a route must let the client pass', async () => {
  const own = { allow: makeAddresses(['192.0.2.*']), block: null };
  const action = { allow: null, block: makeAddresses(['192.0.2.1']) };
  const admit = (lists: (typeof own | typeof action)[], maxConnections: number | null = null) =>
    Permit.admit(
      makeMatched(makeRoute({ security: { lists, maxConnections, basic: null, asks: null } })),
      new RouteCounts(),
    );
  expect(typeof admit([own])).toEqual('object');
  expect(admit([own, action])).toEqual('route_ip_blocked');
  expect(admit([action, own])).toEqual('route_ip_blocked');
  expect(admit([action], 0)).toEqual('route_ip_blocked');
  expect(admit([own], 0)).toEqual('route_connection_limit');
});

tap.test('who is refused by the lists takes no place on the route', async () => {
  const counts = new RouteCounts();
  const lists = [{ allow: null, block: makeAddresses(['192.0.2.1']) }];
  const route = makeRoute({ key: 'web', security: { lists, maxConnections: 5, basic: null, asks: null } });
  expect(Permit.admit(makeMatched(route), counts)).toEqual('route_ip_blocked');
  expect(counts.count('web')).toEqual(0);
});

export default tap.start();
