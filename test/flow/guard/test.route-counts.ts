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

export default tap.start();
