import type { IChallengeSolver } from '../../../ts/certs/manager/manager-types.js';
import { dayMs, hourMs, makeCertificateWorld, makeNeed, minuteMs } from '../../helpers/certificate-world.js';
import { expect, tap } from '../../helpers/tapbundle.js';

const other = 'https://other.test/directory';

async function begin(world: ReturnType<typeof makeCertificateWorld>, need = makeNeed('a.test'), parts = {}) {
  const opened = world.open(parts);
  opened.manager.setNeeds([need]);
  opened.manager.provisionAllCertificates();
  await world.clock.advanceAsync(20_000);
  return opened;
}

tap.test('a validation that failed is tried again after 1, 10 and 100 minutes, then daily', async () => {
  const world = makeCertificateWorld();
  world.ca.refusal = () => 'unauthorized';
  const { manager, kinds } = await begin(world);
  await world.clock.advanceAsync(5 * dayMs);
  const times = world.ca.requests.filter(({ call }) => call === 'newOrder').map(({ atMs }) => atMs);
  const gaps = times.slice(1).map((at, i) => Math.round((at - (times[i] ?? 0)) / minuteMs));
  const wanted = [1, 10, 100, 1440, 1440, 1440];
  for (const [i, minutes] of wanted.entries()) {
    expect(gaps[i] ?? 0).toBeGreaterThan(minutes - 1);
    expect(gaps[i] ?? 0).toBeLessThan(minutes * 1.12 + 1);
  }
  const [status] = manager.status();
  expect(status?.lastError?.class).toEqual('validation');
  expect(status?.lastError?.type).toEqual('unauthorized');
  expect(status?.lastError?.detail).toMatch(/a\.test/);
  expect(status?.nextAttemptAt ?? 0).toBeGreaterThan(world.clock.wallMs());
  expect(kinds().slice(0, 3)).toEqual(['issuing', 'failed', 'backoff']);
  await manager.stop();
});

tap.test('no name has more than four failed validations an hour, whoever insists', async () => {
  const world = makeCertificateWorld();
  world.ca.refusal = () => 'dns';
  const { manager } = await begin(world);
  for (let i = 0; i < 12; i++) {
    const renewed = manager.renew('a.test');
    renewed.catch(() => {});
    await world.clock.advanceAsync(4 * minuteMs);
    expect(await outcomeOf(renewed)).toEqual('CERTIFICATE_FAILED');
  }
  expect(world.ca.countOf('newOrder')).toEqual(4);
  await manager.stop();
});

const outcomeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'done',
    (error: { code?: string }) => error.code,
  );

tap.test('after a failed validation it tries on staging, and comes back once that succeeds', async () => {
  const world = makeCertificateWorld();
  const staging = world.addCa(other);
  world.ca.refusal = staging.refusal = () => 'connection';
  const both = [world.ca.solver, staging.solver];
  const signal = new AbortController().signal;
  const solver: IChallengeSolver = {
    present: async (challenge) => void (await Promise.all(both.map((one) => one.present(challenge, signal)))),
    cleanup: async (challenge) => void (await Promise.all(both.map((one) => one.cleanup(challenge)))),
  };
  const { manager, served } = await begin(world, makeNeed('a.test'), {
    stagingOf: () => other,
    solvers: { 'http-01': solver },
  });
  await world.clock.advanceAsync(3 * hourMs);
  expect(world.ca.countOf('newOrder')).toEqual(1);
  expect(staging.countOf('newOrder')).toEqual(3);
  world.ca.refusal = staging.refusal = null;
  await world.clock.advanceAsync(2 * dayMs);
  expect(served.get('a.test')?.meta.issuer).toEqual(world.ca.url);
  expect(world.ca.countOf('newOrder')).toEqual(2);
  expect(staging.bought.length).toEqual(0);
  await manager.stop();
});

tap.test(
  'a limit of one order waits as long as the issuer says, over restarts, and holds up no other name',
  async () => {
    const world = makeCertificateWorld();
    world.ca.fault = (call, about) =>
      call === 'newOrder' && about === 'a.test'
        ? { type: 'rateLimited', detail: 'too many', status: 429, retryAfterMs: 30 * hourMs }
        : null;
    const first = world.open();
    first.manager.setNeeds([makeNeed('a.test'), makeNeed('b.test')]);
    first.manager.provisionAllCertificates();
    await world.clock.advanceAsync(minuteMs);
    expect(first.served.has('b.test')).toEqual(true);
    expect(first.kinds('a.test')).toContain('rate-limited');
    await first.manager.stop();
    const { manager, served } = await begin(world);
    await world.clock.advanceAsync(29 * hourMs);
    expect(world.ca.requests.filter(({ about }) => about === 'a.test').length).toEqual(1);
    world.ca.fault = null;
    await world.clock.advanceAsync(2 * hourMs);
    expect(served.has('a.test')).toEqual(true);
    await manager.stop();
  },
);

tap.test('an issuer that wants to be left alone is, by all names and over restarts', async () => {
  const world = makeCertificateWorld();
  world.ca.fault = (call) =>
    call === 'newOrder' ? { type: 'serverInternal', detail: 'busy', status: 503, retryAfterMs: 5 * hourMs } : null;
  const first = await begin(world);
  await first.manager.stop();
  const asked = world.ca.countOf('newOrder');
  expect(asked).toEqual(1);
  const { manager, served } = world.open();
  manager.setNeeds(Array.from({ length: 20 }, (_, i) => makeNeed(`n${i}.test`)));
  manager.provisionAllCertificates();
  await world.clock.advanceAsync(4.9 * hourMs);
  expect(world.ca.countOf('newOrder')).toEqual(asked);
  world.ca.fault = null;
  await world.clock.advanceAsync(hourMs);
  expect(served.size).toEqual(20);
  await manager.stop();
});

tap.test('the next issuer is tried at once', async () => {
  const world = makeCertificateWorld();
  const second = world.addCa(other);
  world.ca.fault = () => ({ type: 'network', detail: 'refused' });
  const need = makeNeed('a.test', { directoryUrls: [world.ca.url, other] });
  const { manager, served } = await begin(world, need, { solvers: { 'http-01': second.solver } });
  expect(served.get('a.test')?.meta.issuer).toEqual(other);
  expect(manager.status()[0]?.lastError).toEqual(null);
  await manager.stop();
});

tap.test('what the issuer rejects is not asked again until the settings change', async () => {
  const world = makeCertificateWorld();
  world.ca.fault = (call) =>
    call === 'newOrder' ? { type: 'rejectedIdentifier', detail: 'policy', status: 400 } : null;
  const { manager, served } = await begin(world);
  await world.clock.advanceAsync(10 * dayMs);
  expect(world.ca.countOf('newOrder')).toEqual(1);
  expect(manager.status()[0]?.nextAttemptAt).toEqual(null);
  await manager.stop();
  const again = await begin(world);
  await world.clock.advanceAsync(dayMs);
  expect(world.ca.countOf('newOrder')).toEqual(1);
  world.ca.fault = null;
  again.manager.setNeeds([makeNeed('a.test', { email: 'b@b.test' })]);
  await world.clock.advanceAsync(minuteMs);
  expect(again.served.has('a.test')).toEqual(true);
  expect(served.has('a.test')).toEqual(false);
  await again.manager.stop();
});

tap.test('a pause waits for the operator, who is told where to lift it', async () => {
  const world = makeCertificateWorld();
  const unpauseUrl = 'https://ca.test/unpause';
  world.ca.fault = (call) =>
    call === 'newOrder' ? { type: 'rateLimited', detail: 'paused', status: 429, unpauseUrl } : null;
  const { manager, events, served } = await begin(world);
  await world.clock.advanceAsync(10 * dayMs);
  expect(world.ca.countOf('newOrder')).toEqual(1);
  expect(events.find(({ kind }) => kind === 'paused')?.error?.link).toEqual(unpauseUrl);
  world.ca.fault = null;
  const renewed = manager.renew('a.test');
  await world.clock.advanceAsync(minuteMs);
  await renewed;
  expect(served.has('a.test')).toEqual(true);
  await manager.stop();
});

tap.test('an account that the issuer has forgotten is made anew, once', async () => {
  const world = makeCertificateWorld();
  const { manager } = await begin(world);
  world.ca.accounts.clear();
  const renewed = manager.renew('a.test');
  await world.clock.advanceAsync(minuteMs);
  await renewed;
  expect(world.ca.countOf('newAccount')).toEqual(2);
  expect(world.ca.bought.length).toEqual(2);
  await manager.stop();
});

tap.test('an issuer that forgets every account at once is not given one for each name', async () => {
  const world = makeCertificateWorld();
  const { manager } = world.open();
  world.ca.fault = (call) => (call === 'newOrder' ? { type: 'accountDoesNotExist', detail: '', status: 400 } : null);
  manager.setNeeds(Array.from({ length: 20 }, (_, i) => makeNeed(`n${i}.test`)));
  manager.provisionAllCertificates();
  await world.clock.advanceAsync(9 * minuteMs);
  expect(world.ca.countOf('newAccount')).toEqual(2);
  world.ca.fault = null;
  await world.clock.advanceAsync(hourMs);
  expect(world.ca.bought.length).toEqual(20);
  await manager.stop();
});

tap.test('an order whose `replaces` is refused is made once more without it', async () => {
  for (const refusal of [
    { type: 'alreadyReplaced', detail: 'done', status: 409 },
    { type: 'malformed', detail: 'what?', status: 400 },
    { type: 'unauthorized', detail: 'not yours', status: 403 },
  ]) {
    const world = makeCertificateWorld();
    world.ca.ari = ({ notBefore }) => ({
      startMs: notBefore + dayMs * 40,
      endMs: notBefore + 41 * dayMs,
      retryAfterMs: null,
    });
    const { manager } = await begin(world);
    let refused = 0;
    world.ca.fault = (call) => (call === 'newOrder' && refused++ === 0 ? refusal : null);
    const renewed = manager.renew('a.test');
    await world.clock.advanceAsync(minuteMs);
    await renewed;
    expect(world.ca.bought.map(({ replaces }) => replaces)).toEqual([null, null]);
    expect(refused).toEqual(2);
    await manager.stop();
  }
});

tap.test('a profile is asked for where there is one, and left out where it is only preferred', async () => {
  const world = makeCertificateWorld({ profiles: ['short'] });
  const profiled = (name: string, prefer: boolean) => makeNeed(`${name}-${prefer}.test`, { profile: { name, prefer } });
  const { manager, served } = world.open();
  manager.setNeeds([profiled('short', false), profiled('long', true), profiled('long', false)]);
  manager.provisionAllCertificates();
  await world.clock.advanceAsync(minuteMs);
  expect(served.get('short-false.test')?.meta.profile).toEqual('short');
  expect(served.get('long-true.test')?.meta.profile).toEqual(null);
  expect(served.has('long-false.test')).toEqual(false);
  expect(manager.status().find(({ names }) => names[0] === 'long-false.test')?.lastError?.type).toEqual(
    'invalidProfile',
  );
  await manager.stop();
});

tap.test('a failed challenge that stays pending is posted twice more, then the order has failed', async () => {
  const world = makeCertificateWorld({ leavesPending: true });
  world.ca.refusal = () => 'connection';
  const { manager } = await begin(world);
  expect(world.ca.countOf('answerChallenge')).toEqual(3);
  expect(manager.status()[0]?.lastError?.type).toEqual('connection');
  await manager.stop();
  const patient = makeCertificateWorld({ leavesPending: true });
  let looks = 0;
  patient.ca.refusal = () => (looks++ === 0 ? 'connection' : null);
  const { manager: second, served } = await begin(patient);
  expect(served.has('a.test')).toEqual(true);
  await second.stop();
});

tap.test('after a failed validation another kind of challenge has its turn', async () => {
  const world = makeCertificateWorld();
  world.ca.refusal = (_, kind) => (kind === 'http-01' ? 'connection' : null);
  const { manager, served } = await begin(world, makeNeed('a.test', { challenges: ['http-01', 'tls-alpn-01'] }));
  await world.clock.advanceAsync(2 * minuteMs);
  expect(served.get('a.test')?.meta.challenge).toEqual('tls-alpn-01');
  await manager.stop();
});

tap.test('answers to finalize that are lost, before and after it took effect, cost no second certificate', async () => {
  for (const lost of ['fault', 'lostAnswer'] as const) {
    const world = makeCertificateWorld();
    let times = 0;
    if (lost === 'fault') {
      world.ca.fault = (call) => (call === 'finalize' && times++ === 0 ? { type: 'network', detail: 'reset' } : null);
    } else world.ca.lostAnswer = (call) => call === 'finalize' && times++ === 0;
    const { manager, served } = await begin(world);
    expect(served.has('a.test')).toEqual(true);
    expect(world.ca.bought.length).toEqual(1);
    expect(world.ca.countOf('finalize')).toEqual(lost === 'fault' ? 2 : 1);
    await manager.stop();
  }
});

tap.test('a worse or wrong certificate never takes the place of a good one', async () => {
  const forgeries: Record<string, (facts: Record<string, unknown>) => Record<string, unknown>> = {
    'another key': (facts) => ({ ...facts, key: 'stolen' }),
    'another name': (facts) => ({ ...facts, names: ['b.test'] }),
    expired: (facts) => ({ ...facts, notAfter: 1 }),
    'not valid yet': (facts) => ({ ...facts, notBefore: Number.MAX_SAFE_INTEGER }),
    'ends earlier': (facts) => ({ ...facts, notAfter: Number(facts.notAfter) - 60 * dayMs }),
    'no dates': ({ names, serial, key }) => ({ names, serial, key }),
  };
  for (const [what, forge] of Object.entries(forgeries)) {
    const world = makeCertificateWorld();
    const { manager, served } = await begin(world);
    const first = served.get('a.test');
    world.ca.forge = forge;
    const renewed = manager.renew('a.test');
    renewed.catch(() => {});
    await world.clock.advanceAsync(minuteMs / 2);
    expect(`${what}: ${await outcomeOf(renewed)}`).toEqual(`${what}: CERTIFICATE_FAILED`);
    expect(served.get('a.test')).toEqual(first);
    expect(manager.status()[0]?.lastError?.class).toEqual('certificate');
    expect([...world.disk.certificates.values()][0]?.meta.serial).toEqual(first?.meta.serial);
    world.ca.forge = null;
    await world.clock.advanceAsync(2 * hourMs);
    await manager.stop();
  }
});

tap.test(
  'an issuer that leaves the order ready is told to finalize three times, then left alone for a while',
  async () => {
    const world = makeCertificateWorld();
    world.ca.signsNothing = true;
    const { manager } = await begin(world);
    expect(world.ca.countOf('finalize')).toEqual(3);
    expect(manager.status()[0]?.lastError?.type).toEqual('notFinalized');
    world.ca.signsNothing = false;
    await world.clock.advanceAsync(5 * minuteMs);
    // The order goes on where it was.
    expect(world.ca.countOf('newOrder')).toEqual(1);
    expect(manager.status()[0]?.serial).not.toEqual(null);
    await manager.stop();
  },
);

tap.test('an issuer that goes over to shorter lives sells one certificate a renewal, and no more', async () => {
  const world = makeCertificateWorld({ lifeDays: () => (world.clock.wallMs() < shortFromMs ? 90 : 6) });
  const shortFromMs = world.clock.wallMs() + 30 * dayMs;
  const { manager, served, kinds } = await begin(world);
  await world.clock.advanceAsync(64 * dayMs);
  expect(kinds()).not.toContain('failed');
  // The first, and those of six days that came after it.
  expect(world.ca.bought.length).toBeLessThan(5);
  const { notBefore = 0, notAfter = 0 } = served.get('a.test')?.meta ?? {};
  expect(Math.round((notAfter - notBefore) / dayMs)).toEqual(6);
  await manager.stop();
});

tap.test('nothing is shown or set for a name that the issuer made up, however it spells ours', async () => {
  const world = makeCertificateWorld();
  const shown: string[] = [];
  const { solver } = world.ca;
  const spy: IChallengeSolver = {
    present: async (challenge, signal) => {
      shown.push(challenge.name);
      await solver.present(challenge, signal);
    },
    cleanup: (challenge) => solver.cleanup(challenge),
  };
  world.ca.misnames = () => 'a.test.evil.test; reboot';
  const need = makeNeed('a.test');
  const { manager } = await begin(world, need, { solvers: { 'http-01': spy } });
  expect(shown).toEqual([]);
  const [status] = manager.status();
  expect(status?.lastError?.type).toEqual('authorization');
  expect(status?.lastError?.detail).not.toMatch(/evil/);
  world.ca.misnames = (name) => name.toUpperCase();
  await world.clock.advanceAsync(5 * minuteMs);
  expect(shown).toEqual(['a.test']);
  expect(manager.status()[0]?.serial).not.toEqual(null);
  await manager.stop();
});

tap.test('without a store that can be written nothing is ordered', async () => {
  const world = makeCertificateWorld();
  world.disk.isWritable = false;
  const { manager, served } = await begin(world);
  await world.clock.advanceAsync(hourMs);
  expect(world.ca.requests.length).toEqual(0);
  expect(manager.status()[0]?.lastError?.class).toEqual('store');
  expect(manager.status()[0]?.lastError?.type).toEqual('STORE_NOT_WRITABLE');
  world.disk.isWritable = true;
  await world.clock.advanceAsync(2 * hourMs);
  expect(served.has('a.test')).toEqual(true);
  await manager.stop();
});

tap.test('an account that has to be bound is a matter of settings', async () => {
  const world = makeCertificateWorld({ eabRequired: true });
  const { manager, served } = await begin(world);
  expect(manager.status()[0]?.lastError?.type).toEqual('externalAccountRequired');
  manager.setNeeds([makeNeed('a.test', { eab: { kid: 'k', hmacKey: 'a2V5' } })]);
  await world.clock.advanceAsync(minuteMs);
  expect(served.has('a.test')).toEqual(true);
  await manager.stop();
});

tap.test('stopping in the middle of anything takes seconds, cleans up and leaves nothing', async () => {
  for (let ms = 0; ms < 6_000; ms += 250) {
    const world = makeCertificateWorld();
    const { manager } = world.open();
    manager.setNeeds([makeNeed('a.test')]);
    manager.provisionAllCertificates();
    await world.clock.advanceAsync(ms);
    await manager.stop();
    await world.clock.advanceAsync(10);
    expect(world.disk.held.size).toEqual(0);
    expect(world.disk.waiting).toEqual(0);
    expect(world.ca.shown.size).toEqual(0);
    const asked = world.ca.requests.length;
    await world.clock.advanceAsync(dayMs);
    expect(world.ca.requests.length).toEqual(asked);
    expect(world.clock.pending).toEqual(0);
  }
});

export default tap.start();
