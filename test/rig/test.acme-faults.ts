import { X509Certificate } from 'node:crypto';
import { systemClock } from '../../ts/base/clock.js';
import { makeAccountKey } from '../../ts/certs/acme/account-key.js';
import { AcmeClient } from '../../ts/certs/acme/acme-client.js';
import type { AcmeProblem } from '../../ts/certs/acme/acme-problem.js';
import { renewalIdOf } from '../../ts/certs/acme/renewal-id.js';
import { makeCsr } from '../../ts/certs/csr.js';
import { makeKeyPem } from '../../ts/certs/keys.js';
import { identifierOf } from '../../ts/certs/names.js';
import { obtain } from '../helpers/acme-order.js';
import { startAcmeShim } from '../helpers/acme-shim.js';
import { outcomeOf, startAcmeWorld } from '../helpers/acme-world.js';
import { needs } from '../helpers/debian.js';
import { expect, tap } from '../helpers/tapbundle.js';

const test = needs('pebble', 'pebble-challtestsrv', 'openssl');

async function startFaultyWorld(timeoutMs = 30_000) {
  const world = await startAcmeWorld({ noncePercent: 20 });
  const shim = await startAcmeShim(world.pebble);
  const { directoryUrl, ca } = shim;
  const client = new AcmeClient({
    directoryUrl,
    ca,
    clock: systemClock,
    timeoutMs,
    accountKey: await makeAccountKey(),
  });
  return {
    ...world,
    shim,
    client,
    order: (name: string, more: { profile?: string; replaces?: string } = {}) =>
      obtain({ ...world, client }, { kind: 'http-01', names: [name], ...more }),
    async [Symbol.asyncDispose]() {
      client.close();
      await shim[Symbol.asyncDispose]();
      await world[Symbol.asyncDispose]();
    },
  };
}

const problemOf = (call: Promise<unknown>): Promise<AcmeProblem> =>
  call.then(
    () => {
      throw new Error('it went well');
    },
    (problem: AcmeProblem) => problem,
  );

test('limits and pauses of an authority are told with how long they last', async () => {
  await using world = await startFaultyWorld();
  const { client, shim } = world;
  await client.newAccount({ contact: [] });
  const inAnHour = new Date(Math.ceil(Date.now() / 1000) * 1000 + 3_600_000).toUTCString();
  const page = 'https://portal.test/sfe/v1/unpause?jwt=abc';
  shim.fault(
    /new-?order|order-plz/,
    { status: 429, type: 'rateLimited', detail: 'too many certificates', retryAfter: '3600' },
    { status: 503, text: 'down for maintenance', headers: { 'retry-after': inAnHour } },
    { status: 429, type: 'rateLimited', detail: `paused, see ${page}` },
    { status: 502, text: '<html>' },
  );
  const order = () => problemOf(client.newOrder({ identifiers: [identifierOf('a.proxy.test')] }));
  const limited = await order();
  expect(`${limited.message} ${limited.status} ${limited.retryAfterMs}`).toEqual(
    'rateLimited: too many certificates 429 3600000',
  );
  const down = await order();
  expect(`${down.type} ${down.status}`).toEqual('unknown 503');
  expect(Math.abs((down.retryAfterMs ?? 0) - 3_600_000)).toBeLessThan(60_000);
  const paused = await order();
  expect(`${paused.unpauseUrl} ${paused.retryAfterMs}`).toEqual(`${page} null`);
  expect((await order()).status).toEqual(502);
  expect(shim.faultsLeft).toEqual(0);
  expect((await world.order('a.proxy.test')).chain).toContain('BEGIN CERTIFICATE');
});

test('a reset, a slow and a cut answer at every step are told, and the order can still be had', async () => {
  await using world = await startFaultyWorld();
  const { client, shim } = world;
  /** Fails with each fault in turn, then succeeds. */
  const through = async <T>(path: RegExp, step: () => Promise<T>): Promise<T> => {
    shim.fault(path, 'reset', 'truncated', { status: 500, text: 'oops' }, { delayMs: 20 });
    const outcomes: string[] = [];
    for (;;) {
      const left = shim.faultsLeft;
      const outcome = await step().then(
        (value) => ({ value }),
        ({ type }: AcmeProblem) => type,
      );
      if (typeof outcome !== 'string') {
        // A reset on a kept connection is not even noticed by what only reads.
        expect(outcomes.filter((type) => type !== 'network' && type !== 'unknown')).toEqual([]);
        expect(outcomes.length).toBeGreaterThan(1);
        return outcome.value;
      }
      outcomes.push(outcome);
      expect(left).toBeGreaterThan(0);
    }
  };
  await through(/GET \/dir/, () => client.directory());
  await through(/sign-me-up/, () => client.newAccount({ contact: [] }));
  const identifiers = [identifierOf('a.proxy.test')];
  const made = await through(/order-plz/, () => client.newOrder({ identifiers }));
  const authorization = await through(/authZ/, () => client.authorization(made.authorizations[0] ?? ''));
  const challenge = authorization.challenges.find(({ type }) => type === 'http-01');
  if (challenge === undefined) throw new Error('there is HTTP-01');
  const { token, url } = challenge;
  const answer = { keyAuthorization: client.keyAuthorization(token), dnsValue: client.dnsValue(token) };
  await world.solvers.present({ kind: 'http-01', name: 'a.proxy.test', token, ...answer }, world.dns);
  shim.fault(/chalZ/, 'reset', { status: 500, text: 'oops' });
  expect(await outcomeOf(client.answerChallenge(url))).toEqual('network 0');
  expect(await outcomeOf(client.answerChallenge(url))).toEqual('unknown 500');
  await client.answerChallenge(url);
  expect((await client.waitForAuthorization(authorization.url)).status).toEqual('valid');
  const ready = await through(/my-order/, () => client.order(made.url));
  const csr = await makeCsr(['a.proxy.test'], await makeKeyPem('ecdsa-p256'));
  shim.fault(/finalize/, 'reset', 'lost');
  expect(await outcomeOf(client.finalize(ready, csr))).toEqual('network 0');
  // The authority had it: the order tells.
  while ((await outcomeOf(client.finalize(ready, csr))) !== 'network 0') throw new Error('it was not lost');
  let order = await client.order(made.url);
  // Unless what was lost was its refusal of a nonce.
  if (order.status === 'ready') order = await client.finalize(order, csr);
  const done = await client.waitForOrder(order);
  expect(done.status).toEqual('valid');
  const got = await through(/certZ/, () => client.certificate(done.certificate ?? ''));
  expect(new X509Certificate(got.chain).checkHost('a.proxy.test')).toEqual('a.proxy.test');
  expect(shim.faultsLeft).toEqual(0);
});

test('an authority that says nothing is not waited for longer than a call may take', async () => {
  await using world = await startFaultyWorld(1000);
  world.shim.fault(/GET \/dir/, 'silent', { delayMs: 2500 });
  for (const _ of [1, 2]) {
    expect((await problemOf(world.client.directory())).message).toMatch(/^timeout: no answer within 1000 ms/);
  }
  expect(await outcomeOf(world.client.directory())).toEqual('done');
});

test('answers without a nonce cost a request for one', async () => {
  await using world = await startFaultyWorld();
  world.shim.fault(/POST \/(sign-me-up|order-plz)/, 'no-nonce', 'no-nonce');
  await world.client.newAccount({ contact: [] });
  expect((await world.order('a.proxy.test')).chain).toContain('BEGIN CERTIFICATE');
  expect(world.shim.faultsLeft).toEqual(0);
});

test('profiles are listed, asked for by name, and refused by theirs', async () => {
  await using world = await startFaultyWorld();
  world.shim.profiles = { shortlived: 'six days', classic: 'ninety days' };
  expect(Object.fromEntries((await world.client.directory()).profiles)).toEqual(world.shim.profiles);
  await world.client.newAccount({ contact: [] });
  expect(await outcomeOf(world.order('a.proxy.test', { profile: 'other' }))).toEqual('invalidProfile 400');
  expect((await world.order('a.proxy.test', { profile: 'shortlived' })).chain).toContain('BEGIN CERTIFICATE');
  expect(world.shim.orders.map(({ profile }) => profile)).toContain('shortlived');
});

test('renewal information is had for a certificate, which then is replaced once', async () => {
  await using world = await startFaultyWorld();
  const { client, shim } = world;
  await client.newAccount({ contact: [] });
  const { chain } = await world.order('a.proxy.test');
  expect((await problemOf(client.renewalInfo(chain))).type).toEqual('unsupported');

  const startMs = Date.UTC(2030, 0, 1);
  shim.renewal = { startMs, endMs: startMs + 86_400_000, explanationUrl: 'https://why.test/', retryAfter: '21600' };
  const again = new AcmeClient({
    directoryUrl: shim.directoryUrl,
    ca: shim.ca,
    clock: systemClock,
    accountKey: client.accountKey,
    accountUrl: client.accountUrl,
  });
  const info = await again.renewalInfo(chain);
  expect(info).toEqual({
    startMs,
    endMs: startMs + 86_400_000,
    explanationUrl: 'https://why.test/',
    retryAfterMs: 21_600_000,
  });
  const id = renewalIdOf(chain) ?? '';
  expect(shim.requests.at(-1)).toEqual(`GET /renewal-info/${id}`);
  shim.renewal = { startMs, endMs: startMs };
  expect((await problemOf(again.renewalInfo(chain))).message).toEqual(
    'malformedAnswer: renewal information: no window',
  );
  shim.renewal = 'missing';
  expect((await problemOf(again.renewalInfo(chain))).status).toEqual(404);
  again.close();

  expect((await world.order('a.proxy.test', { replaces: id })).chain).toContain('BEGIN CERTIFICATE');
  expect(await outcomeOf(world.order('a.proxy.test', { replaces: id }))).toEqual('alreadyReplaced 409');
});

export default tap.start();
