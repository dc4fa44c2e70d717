import { dayMs, makeCertificateWorld, makeNeed, minuteMs } from '../../helpers/certificate-world.js';
import { expect, tap } from '../../helpers/tapbundle.js';

tap.test('orders nothing before provisioning, then what is missing, and serves it', async () => {
  const world = makeCertificateWorld();
  const { manager, served, kinds } = world.open();
  manager.setNeeds([makeNeed('a.test'), makeNeed('b.test')]);
  await manager.initialize();
  await world.clock.advanceAsync(dayMs);
  expect(world.ca.requests.length).toEqual(0);
  expect(world.clock.pending).toEqual(0);
  const provisioned = manager.provisionAllCertificates();
  await world.clock.advanceAsync(minuteMs);
  await provisioned;
  expect(served.get('a.test')?.meta.names).toEqual(['a.test']);
  expect(kinds('a.test')).toEqual(['issuing', 'issued', 'swapped']);
  expect(world.ca.bought.length).toEqual(2);
  expect(world.ca.countOf('newAccount')).toEqual(1);
  expect(world.ca.shown.size).toEqual(0);
  const [status] = manager.status();
  expect(status?.state).toEqual('idle');
  expect(status?.challenge).toEqual('http-01');
  expect(status?.nextAttemptAt).toEqual(null);
  await manager.stop();
  expect(world.clock.pending).toEqual(0);
  expect(world.disk.held.size).toEqual(0);
});

export default tap.start();
