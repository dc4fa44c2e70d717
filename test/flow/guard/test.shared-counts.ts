// Places among all processes: asked for once, given back once.

import { type IPlaces, type ISharedCounts, PlacedPermit, SharedPlaces } from '../../../ts/flow/guard/shared-counts.js';
import { makeConnection } from '../../helpers/make-connection.js';
import { makeRoute } from '../../helpers/make-route.js';
import { expect, tap } from '../../helpers/tapbundle.js';

function makeCounts() {
  const held = new Map<string, number>();
  const asked: string[] = [];
  const counts: ISharedCounts = {
    async enter(scope, key, max) {
      asked.push(`${scope} ${key}`);
      const count = held.get(`${scope} ${key}`) ?? 0;
      if (count >= max) return false;
      held.set(`${scope} ${key}`, count + 1);
      return true;
    },
    leave(scope, key) {
      held.set(`${scope} ${key}`, (held.get(`${scope} ${key}`) ?? 0) - 1);
    },
    async arrive(_key, max) {
      return max > 1;
    },
  };
  const heldNow = () => Object.fromEntries([...held].filter(([, count]) => count !== 0));
  return { counts, asked, heldNow };
}

const limits = (maxConnectionsPerIP: number, connectionRateLimitPerMinute = 0) => ({
  maxConnectionsPerIP,
  connectionRateLimitPerMinute,
});
const limited = (security: object) => makeRoute({ key: 'web', security: { ...makeRoute().security, ...security } });

tap.test('without limits nobody is asked', () => {
  const places = new SharedPlaces(makeCounts().counts);
  expect(places.askClient(makeConnection())).toBe(null);
  expect(places.askRoute(makeConnection(), makeRoute())).toBe(null);
  expect(places.askRequest(makeConnection(), makeRoute())).toBe(null);
});

tap.test('a client has its place until its connection ends', async () => {
  const { counts, heldNow } = makeCounts();
  const places = new SharedPlaces(counts);
  places.update(limits(1));
  const first = makeConnection();
  expect(await places.askClient(first)).toBe(null);
  expect(await places.askClient(makeConnection())).toEqual('connection_limit');
  first.finish('normal');
  expect(heldNow()).toEqual({});
  const gone = makeConnection();
  const asked = places.askClient(gone);
  gone.finish('normal');
  await asked;
  expect(heldNow()).toEqual({});
});

tap.test('a rate is told by its word', async () => {
  const places = new SharedPlaces(makeCounts().counts);
  places.update(limits(0, 1));
  expect(await places.askClient(makeConnection())).toEqual('rate_limit');
});

tap.test('requests of one connection take one place, however many they are, until the last is over', async () => {
  const { counts, asked, heldNow } = makeCounts();
  const places = new SharedPlaces(counts);
  const route = limited({ maxConnections: 1 });
  const connection = makeConnection();
  const [first, second] = (await Promise.all([
    places.askRequest(connection, route),
    places.askRequest(connection, route),
  ])) as [IPlaces, IPlaces];
  expect(asked).toEqual(['route web']);
  expect(await places.askRequest(makeConnection(), route)).toEqual('route_connection_limit');
  first.release();
  first.release();
  expect(heldNow()).toEqual({ 'route web': 1 });
  second.release();
  expect(heldNow()).toEqual({});
});

tap.test('a request that is refused for one limit holds nothing of another', async () => {
  const { counts, heldNow } = makeCounts();
  const places = new SharedPlaces(counts);
  const route = limited({ maxConnections: 5, requests: { rates: [], maxInFlight: 1 } });
  const held = (await places.askRequest(makeConnection(), route)) as IPlaces;
  expect(await places.askRequest(makeConnection(), route)).toEqual('in_flight_limit');
  expect(heldNow()).toEqual({ 'route web': 1, 'in-flight web': 1 });
  held.release();
  expect(heldNow()).toEqual({});
});

tap.test('a permit gives its places back with it', () => {
  const released: string[] = [];
  const inner = { permit: {} as PlacedPermit['permit'], release: () => void released.push('permit') };
  const placed = new PlacedPermit(inner, { release: () => void released.push('places') });
  expect(placed.permit).toBe(inner.permit);
  placed.release();
  expect(released).toEqual(['permit', 'places']);
});

export default tap.start();
