import { RouteCounts } from '../../../ts/flow/guard/route-counts.js';
import { makeConnection } from '../../helpers/make-connection.js';
import { makeRoute } from '../../helpers/make-route.js';
import { expect, tap } from '../../helpers/tapbundle.js';

tap.test('a route takes as many connections as its limit, and another for each that ends', async () => {
  const counts = new RouteCounts();
  const connections = [makeConnection(), makeConnection(), makeConnection()];
  expect(connections.map((connection) => counts.enter(connection, 'web', 2))).toEqual([true, true, false]);
  expect(counts.count('web')).toEqual(2);
  connections[2]?.finish('route_connection_limit');
  expect(counts.count('web')).toEqual(2);
  connections[0]?.finish('client_closed');
  expect(counts.enter(makeConnection(), 'web', 2)).toBeTrue();
  expect(counts.enter(makeConnection(), 'web', 2)).toBeFalse();
});

tap.test('routes are counted apart, and those without connections are forgotten', async () => {
  const counts = new RouteCounts();
  const connections = Array.from({ length: 100 }, () => makeConnection());
  for (const [i, connection] of connections.entries()) counts.enter(connection, `route-${i % 10}`, 10);
  expect(counts.size).toEqual(10);
  expect(counts.count('route-3')).toEqual(10);
  for (const connection of connections) connection.finish('client_closed');
  expect(counts.size).toEqual(0);
});

tap.test('a connection that has ended already takes no place', async () => {
  const counts = new RouteCounts();
  const connection = makeConnection();
  connection.finish('client_error');
  expect(counts.enter(connection, 'web', 1)).toBeTrue();
  expect(counts.count('web')).toEqual(0);
});

tap.test('a limit of 0 lets nobody in', async () => {
  expect(new RouteCounts().enter(makeConnection(), 'web', 0)).toBeFalse();
});

tap.test('live connections of a route that gets a limit are counted in, once, and only they', async () => {
  const counts = new RouteCounts();
  const web = makeRoute({ key: 'web' });
  const mail = makeRoute({ key: 'mail', index: 1 });
  const ended = makeConnection({ routed: web });
  ended.finish('client_closed');
  const counted = makeConnection({ routed: web });
  counts.enter(counted, 'web', 9);
  const uncounted = makeConnection({ routed: web });
  const live = [ended, counted, uncounted, makeConnection({ routed: mail }), makeConnection()];
  for (let i = 0; i < 3; i++) counts.adopt(live, (key) => key === 'web');
  expect(counts.count('web')).toEqual(2);
  expect(counts.count('mail')).toEqual(0);
  counted.finish('client_closed');
  uncounted.finish('client_closed');
  expect(counts.size).toEqual(0);
});

tap.test('a connection counts once on a route while it has requests there, however many at a time', async () => {
  const counts = new RouteCounts();
  const [one, two] = [makeConnection(), makeConnection()];
  expect([counts.enterRequest(one, 'web', 1), counts.enterRequest(one, 'web', 1)]).toEqual([true, true]);
  expect(counts.enterRequest(one, 'api', 1)).toBeTrue();
  expect([counts.count('web'), counts.count('api')]).toEqual([1, 1]);
  expect(counts.enterRequest(two, 'web', 1)).toBeFalse();
  counts.leaveRequest(one, 'web');
  expect(counts.enterRequest(two, 'web', 1)).toBeFalse();
  counts.leaveRequest(one, 'web');
  expect(counts.enterRequest(two, 'web', 1)).toBeTrue();
  expect(counts.enterRequest(one, 'web', 1)).toBeFalse();
});

tap.test('what a connection has not given back ends with it, and nothing is given back twice', async () => {
  const counts = new RouteCounts();
  const [one, two] = [makeConnection(), makeConnection()];
  for (const connection of [one, one, two]) counts.enterRequest(connection, 'web', 9);
  one.finish('client_closed');
  expect(counts.count('web')).toEqual(1);
  counts.leaveRequest(one, 'web');
  counts.leaveRequest(one, 'web');
  expect(counts.count('web')).toEqual(1);
  counts.leaveRequest(two, 'web');
  counts.leaveRequest(two, 'web');
  expect(counts.size).toEqual(0);
  expect(counts.enterRequest(one, 'web', 9)).toBeFalse();
  expect(counts.size).toEqual(0);
});

tap.test('many requests one after the other leave nothing behind', async () => {
  const counts = new RouteCounts();
  const connection = makeConnection();
  let watched = 0;
  const { whenEnded } = connection;
  connection.whenEnded = (release) => {
    watched++;
    whenEnded.call(connection, release);
  };
  for (let n = 0; n < 1_000; n++) {
    counts.enterRequest(connection, 'web', 1);
    counts.leaveRequest(connection, 'web');
  }
  expect([counts.size, watched]).toEqual([0, 1]);
});

tap.test('connections and those with requests share the limit of a route', async () => {
  const counts = new RouteCounts();
  const raw = makeConnection();
  expect(counts.enter(raw, 'web', 2)).toBeTrue();
  expect(counts.enterRequest(makeConnection(), 'web', 2)).toBeTrue();
  expect(counts.enterRequest(makeConnection(), 'web', 2)).toBeFalse();
  raw.finish('client_closed');
  expect(counts.enterRequest(makeConnection(), 'web', 2)).toBeTrue();
});

tap.test('a connection with requests is counted in on the route of its last until the next, or its end', async () => {
  const counts = new RouteCounts();
  const web = makeRoute({ key: 'web' });
  const makeVisitor = () => Object.assign(makeConnection({ routed: web }), { usingNetworkProxy: true });
  const [idle, busy, counted] = [makeVisitor(), makeVisitor(), makeVisitor()];
  counts.enterRequest(counted, 'web', 9);
  for (let i = 0; i < 3; i++) counts.adopt([idle, busy, counted], () => true);
  expect(counts.count('web')).toEqual(3);
  // Its next request: the former is over.
  expect(counts.enterRequest(busy, 'web', 3)).toBeTrue();
  expect(counts.count('web')).toEqual(3);
  counts.leaveRequest(busy, 'web');
  expect(counts.count('web')).toEqual(2);
  expect(counts.enterRequest(idle, 'api', 1)).toBeTrue();
  expect(counts.count('web')).toEqual(1);
  for (const connection of [idle, busy, counted]) connection.finish('client_closed');
  expect(counts.size).toEqual(0);
});

export default tap.start();
