import type { IClock } from '../../../ts/base/clock.js';
import { makeAccountKey } from '../../../ts/certs/acme/account-key.js';
import { AcmeClient } from '../../../ts/certs/acme/acme-client.js';
import { AcmeProblem } from '../../../ts/certs/acme/acme-problem.js';
import { makeFakeClock } from '../../helpers/fake-clock.js';
import {
  type IScriptedAcme,
  type IScriptedAnswer,
  type IScriptedRequest,
  scriptedDirectory,
  startScriptedAcme,
  usualAnswer,
} from '../../helpers/scripted-acme.js';
import { expect, tap } from '../../helpers/tapbundle.js';
import { until } from '../../helpers/until.js';

const accountKey = makeAccountKey();

async function clientOf(server: IScriptedAcme, options: { accountUrl?: string; timeoutMs?: number } = {}) {
  const clock = makeFakeClock();
  /** Of timers other than those that end a call. */
  const pausesMs: number[] = [];
  const { timeoutMs = 30_000 } = options;
  const noting: IClock = {
    ...clock,
    setTimer(fire, delayMs) {
      if (delayMs !== timeoutMs) pausesMs.push(delayMs);
      return clock.setTimer(fire, delayMs);
    },
  };
  const { directoryUrl, ca, at } = server;
  const wish = { directoryUrl, ca, clock: noting, accountKey: await accountKey, accountUrl: `${at}/account/1` };
  const client = new AcmeClient({ ...wish, ...options });
  return { client, clock, pausesMs, [Symbol.dispose]: () => client.close() };
}

const order = (at: string, status: string) => ({
  status,
  identifiers: [{ type: 'dns', value: 'a.test' }],
  authorizations: [`${at}/authz/1`],
  finalize: `${at}/finalize/1`,
});

const badNonce: IScriptedAnswer = { status: 400, body: { type: 'urn:ietf:params:acme:error:badNonce' } };

async function problemOf(promise: Promise<unknown>): Promise<AcmeProblem> {
  const error = await promise.then(
    () => new Error('it went well'),
    (reason) => reason,
  );
  if (error instanceof AcmeProblem) return error;
  throw error;
}

tap.test('every try after a refused nonce has a nonce and a signature of its own', async () => {
  let refusals = 0;
  await using server = await startScriptedAcme((request, at) => {
    if (request.line !== 'POST /new-order') return usualAnswer(request, at);
    if (refusals++ < 20) return badNonce;
    return { status: 201, headers: { location: `${at}/order/1` }, body: order(at, 'pending') };
  });
  using world = await clientOf(server);
  const made = await world.client.newOrder({ identifiers: [{ type: 'dns', value: 'a.test' }] });
  expect(made.url).toEqual(`${server.at}/order/1`);
  const posts = server.requests.filter(({ line }) => line.startsWith('POST'));
  expect(posts.length).toEqual(21);
  expect(new Set(posts.map(({ header }) => header.nonce)).size).toEqual(21);
  // The directory and the refusals brought them.
  expect(server.requests.some(({ line }) => line === 'HEAD /nonce')).toBeFalse();
  expect(server.accepted).toEqual(1);
});

tap.test('a server that refuses every nonce is given up, with pauses before', async () => {
  await using server = await startScriptedAcme((request, at) =>
    request.line === 'POST /new-order' ? badNonce : usualAnswer(request, at),
  );
  using world = await clientOf(server);
  let ended = false;
  const failed = problemOf(world.client.newOrder({ identifiers: [] })).finally(() => {
    ended = true;
  });
  const posts = () => server.requests.filter(({ line }) => line.startsWith('POST')).length;
  let pauses = 0;
  await until(
    () => {
      if (world.pausesMs.length > pauses) world.clock.advance(world.pausesMs[pauses++] ?? 0);
      return ended;
    },
    20_000,
    () => `${posts()} tries`,
  );
  expect(world.pausesMs).toEqual(Array(80).fill(50));
  expect((await failed).type).toEqual('badNonce');
  expect(posts()).toEqual(101);
});

tap.test('a server without nonces is malformed', async () => {
  await using server = await startScriptedAcme((request, at, response) => {
    if (request.line !== 'HEAD /nonce') return usualAnswer(request, at);
    response.writeHead(200).end();
    return null;
  });
  // The directory's answer must not bring one either.
  await using bare = await startScriptedAcme((request, at, response) => {
    if (request.line === 'GET /dir') response.end(JSON.stringify(scriptedDirectory(at)));
    else response.end();
    return null;
  });
  using world = await clientOf(bare);
  expect((await problemOf(world.client.order(`${bare.at}/order/1`))).message).toEqual(
    'malformedAnswer: newNonce gave no nonce',
  );
  using other = await clientOf(server);
  expect((await problemOf(other.client.order(`${server.at}/order/1`))).status).toEqual(404);
});

tap.test('no redirect is followed, and its status is told', async () => {
  await using server = await startScriptedAcme((request, at) =>
    request.line === 'POST /order/1'
      ? { status: 307, headers: { location: `${at}/order/2` } }
      : usualAnswer(request, at),
  );
  using world = await clientOf(server);
  const problem = await problemOf(world.client.order(`${server.at}/order/1`));
  expect(`${problem.status} ${problem.message}`).toEqual(
    `307 unknown: the server answered 307 to ${server.at}/order/2`,
  );
  expect(server.requests.some(({ line }) => line.includes('/order/2'))).toBeFalse();
});

tap.test('nothing is asked but by https, whatever a server says', async () => {
  await using server = await startScriptedAcme((request, at) =>
    request.line === 'GET /dir'
      ? { body: { ...scriptedDirectory(at), newOrder: 'http://127.0.0.1/new-order' } }
      : usualAnswer(request, at),
  );
  using world = await clientOf(server);
  const problem = await problemOf(world.client.newOrder({ identifiers: [] }));
  expect(problem.message).toEqual('malformedAnswer: newOrder is no https address');
  const plain = await problemOf(world.client.order('http://127.0.0.1:1/order'));
  expect(plain.message).toEqual('malformedAnswer: not an https address: http://127.0.0.1:1/order');
  const key = await accountKey;
  const make = (directoryUrl: string) => () => new AcmeClient({ directoryUrl, accountKey: key, clock: world.clock });
  expect(make('http://ca.test/dir')).toThrow("a directory's address is an https address");
  expect(make('ca.test')).toThrow("a directory's address is an https address");
});

tap.test('a server whose certificate is from somebody else is not talked to', async () => {
  await using server = await startScriptedAcme(usualAnswer);
  const clock = makeFakeClock();
  const client = new AcmeClient({ directoryUrl: server.directoryUrl, accountKey: await accountKey, clock });
  const problem = await problemOf(client.directory());
  expect(problem.type).toEqual('network');
  expect(problem.message).toContain('unable to');
  expect(server.requests.length).toEqual(0);
});

tap.test('an answer that is too large, or cut off, is a problem and no answer', async () => {
  await using server = await startScriptedAcme((request, at, response) => {
    if (request.line === 'POST /order/large') return { body: `"${'x'.repeat(1024 * 1024)}"` };
    if (request.line !== 'POST /order/cut') return usualAnswer(request, at);
    response.writeHead(200, { 'content-length': 100 });
    response.write('{"status":', () => response.destroy());
    return null;
  });
  using world = await clientOf(server);
  const large = await problemOf(world.client.order(`${server.at}/order/large`));
  expect(large.message).toEqual('malformedAnswer: an answer of more than 1048576 bytes');
  const cut = await problemOf(world.client.order(`${server.at}/order/cut`));
  expect(cut.message).toEqual('network: the answer was cut off');
});

tap.test('a call ends when its time is up', async () => {
  await using server = await startScriptedAcme((request, at) =>
    request.line === 'POST /order/1' ? null : usualAnswer(request, at),
  );
  using world = await clientOf(server, { timeoutMs: 7000 });
  const failed = problemOf(world.client.order(`${server.at}/order/1`));
  await until(
    () => server.requests.at(-1)?.line === 'POST /order/1',
    10_000,
    () => 'the request',
  );
  world.clock.advance(7000);
  const problem = await failed;
  expect(problem.message).toEqual(`timeout: no answer within 7000 ms from ${new URL(server.at).host}`);
  expect(world.clock.pending).toEqual(0);
});

tap.test('a call ends with the reason of its signal, at once if that fired before', async () => {
  await using server = await startScriptedAcme((request, at) =>
    request.line === 'POST /order/1' ? null : usualAnswer(request, at),
  );
  using world = await clientOf(server);
  const controller = new AbortController();
  const failed = world.client.order(`${server.at}/order/1`, controller.signal);
  failed.catch(() => {});
  await until(
    () => server.requests.at(-1)?.line === 'POST /order/1',
    10_000,
    () => 'the request',
  );
  controller.abort(new Error('we are leaving'));
  await expect(failed).rejects.toThrow('we are leaving');
  const asked = server.requests.length;
  await expect(world.client.order(`${server.at}/order/1`, controller.signal)).rejects.toThrow('we are leaving');
  expect(server.requests.length).toEqual(asked);
  expect(world.clock.pending).toEqual(0);
});

tap.test('waiting for an order keeps to Retry-After, and asks sparingly without it', async () => {
  const waits = ['3', '', '', ''];
  await using server = await startScriptedAcme((request, at) => {
    if (request.line !== 'POST /order/1') return usualAnswer(request, at);
    const wait = waits.shift();
    if (wait === undefined) return { body: { ...order(at, 'valid'), certificate: `${at}/cert/1` } };
    return { headers: wait === '' ? {} : { 'retry-after': wait }, body: order(at, 'processing') };
  });
  using world = await clientOf(server);
  const first = await world.client.order(`${server.at}/order/1`);
  const done = world.client.waitForOrder(first);
  for (let pauses = 1; pauses <= 4; pauses++) {
    await until(
      () => world.pausesMs.length === pauses,
      10_000,
      () => `pause ${pauses}`,
    );
    const asked = server.requests.length;
    const pauseMs = world.pausesMs.at(-1) ?? 0;
    world.clock.advance(pauseMs - 1);
    expect(server.requests.length).toEqual(asked);
    world.clock.advance(1);
  }
  expect((await done).certificate).toEqual(`${server.at}/cert/1`);
  expect(world.pausesMs).toEqual([3000, 500, 1000, 2000]);
  expect(world.clock.pending).toEqual(0);
});

tap.test('waiting ends after five minutes, or with the signal', async () => {
  await using server = await startScriptedAcme((request, at) =>
    request.line === 'POST /order/1'
      ? { headers: { 'retry-after': '100' }, body: order(at, 'processing') }
      : usualAnswer(request, at),
  );
  using world = await clientOf(server);
  const first = await world.client.order(`${server.at}/order/1`);
  const controller = new AbortController();
  const left = world.client.waitForOrder(first, controller.signal);
  controller.abort(new Error('enough'));
  await expect(left).rejects.toThrow('enough');
  expect(world.clock.pending).toEqual(0);
  // A minute is the longest that it stays away.
  const before = world.pausesMs.length;
  const late = problemOf(world.client.waitForOrder(first));
  for (let minute = 1; minute <= 5; minute++) {
    await until(
      () => world.pausesMs.length === before + minute,
      10_000,
      () => `pause ${minute}`,
    );
    world.clock.advance(60_000);
  }
  expect((await late).message).toEqual('timeout: not decided within 300000 ms');
});

tap.test('a read on a kept connection that the server had closed is sent again, a write is not', async () => {
  let isBroken = false;
  await using server = await startScriptedAcme((request, at, response) => {
    if (isBroken && request.line.startsWith('POST')) {
      isBroken = false;
      response.destroy();
      return null;
    }
    if (request.line === 'POST /order/1') return { body: order(at, 'ready') };
    if (request.line === 'POST /finalize/1') return { body: order(at, 'processing') };
    return usualAnswer(request, at);
  });
  using world = await clientOf(server);
  const ready = await world.client.order(`${server.at}/order/1`);
  const { accepted } = server;
  isBroken = true;
  expect((await world.client.order(ready.url)).status).toEqual('ready');
  expect(server.accepted).toEqual(accepted + 1);
  isBroken = true;
  expect((await problemOf(world.client.finalize(ready, Buffer.from('csr')))).type).toEqual('network');
  expect(server.requests.filter(({ line }) => line === 'POST /finalize/1').length).toEqual(1);
});

tap.test('without an account nothing is signed in its name', async () => {
  await using server = await startScriptedAcme(usualAnswer);
  const clock = makeFakeClock();
  const { directoryUrl, ca } = server;
  const client = new AcmeClient({ directoryUrl, ca, clock, accountKey: await accountKey });
  expect((await problemOf(client.newOrder({ identifiers: [] }))).type).toEqual('accountDoesNotExist');
  expect(client.accountUrl).toBeNull();
  await client.newAccount({ contact: [] });
  expect(client.accountUrl).toEqual(`${server.at}/account/1`);
  client.close();
});

tap.test('what is optional is sent only if it was asked for', async () => {
  const payloads: unknown[] = [];
  await using server = await startScriptedAcme((request: IScriptedRequest, at) => {
    if (request.line !== 'POST /new-order') return usualAnswer(request, at);
    payloads.push(request.payload);
    return { status: 201, headers: { location: '/order/1' }, body: { ...order(at, 'pending'), profile: 'short' } };
  });
  using world = await clientOf(server);
  const identifiers = [{ type: 'dns', value: 'a.test' }] as const;
  await world.client.newOrder({ identifiers });
  const made = await world.client.newOrder({ identifiers, profile: 'short', replaces: 'a.b' });
  expect(payloads).toEqual([{ identifiers }, { identifiers, profile: 'short', replaces: 'a.b' }]);
  expect(`${made.profile} ${made.url}`).toEqual(`short ${server.at}/order/1`);
});

export default tap.start();
