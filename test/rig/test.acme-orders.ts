import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { accountKeyOf, makeAccountKey } from '../../ts/certs/acme/account-key.js';
import { identifierOf } from '../../ts/certs/names.js';
import { obtain } from '../helpers/acme-order.js';
import type { TSolvedKind } from '../helpers/acme-solvers.js';
import { type IAcmeWorld, outcomeOf, startAcmeWorld } from '../helpers/acme-world.js';
import { needs } from '../helpers/debian.js';
import { makeFolder } from '../helpers/make-folder.js';
import { runProcess } from '../helpers/rig-process.js';
import { expect, long, tap } from '../helpers/tapbundle.js';

const test = needs('pebble', 'pebble-challtestsrv', 'openssl');

async function withAccount({ makeClient }: IAcmeWorld) {
  const client = await makeClient();
  await client.newAccount({ contact: ['mailto:ops@proxy.test'] });
  return client;
}

const isIp = (name: string): boolean => identifierOf(name).type === 'ip';

const lastOf = (chain: string): string => chain.slice(chain.lastIndexOf('-----BEGIN'));

/** As openssl sees it. */
async function verify(chain: string, root: string, name: string): Promise<string> {
  await using folder = await makeFolder();
  const [chainFile, rootFile] = [join(folder.path, 'chain.pem'), join(folder.path, 'root.pem')];
  await Promise.all([writeFile(chainFile, chain), writeFile(rootFile, root)]);
  const which = isIp(name) ? '-verify_ip' : '-verify_hostname';
  const args = ['verify', which, name.replace('*', 'any'), '-CAfile', rootFile, '-untrusted', chainFile, chainFile];
  return await runProcess('openssl', args);
}

const orders: readonly (readonly [TSolvedKind, readonly string[]])[] = [
  ['http-01', ['a.proxy.test']],
  ['http-01', ['b.proxy.test', 'c.proxy.test', `${'long.'.repeat(13)}proxy.test`]],
  ['tls-alpn-01', ['d.proxy.test', 'e.proxy.test']],
  ['dns-01', ['*.f.proxy.test', 'f.proxy.test']],
  ['http-01', ['127.0.0.1']],
  ['tls-alpn-01', ['127.0.0.1', '::1']],
  ['http-01', ['::1', 'g.proxy.test']],
];

test('names, wildcards and addresses get certificates by every kind of challenge', async () => {
  await using world = await startAcmeWorld();
  const client = await withAccount(world);
  const root = await world.pebble.root();
  await world.dns.setAddresses('g.proxy.test', ['127.0.0.2'], ['::1']);
  for (const [kind, names] of orders) {
    const { chain, key, order } = await obtain({ ...world, client }, { kind, names });
    const leaf = new X509Certificate(chain);
    expect(leaf.checkPrivateKey(createPrivateKey(key))).toBeTrue();
    expect(order.identifiers.map(({ value }) => value).sort()).toEqual([...names].sort());
    const found = names.filter((name) => (isIp(name) ? leaf.checkIP(name) : leaf.checkHost(name.replace('*', 'any'))));
    expect(found).toEqual([...names]);
    expect(await verify(chain, root, names[0] ?? '')).toContain('OK');
  }
});

test('certificates are had for every type of key, by accounts of RSA and P-384 too', async () => {
  await using world = await startAcmeWorld({ alternateRoots: 2 });
  const rsa = await accountKeyOf(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey);
  const p384 = await accountKeyOf(generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey);
  for (const [accountKey, keyType, expected] of [
    [rsa, 'rsa-2048', 'rsa'],
    [p384, 'ecdsa-p384', 'ec'],
  ] as const) {
    const client = await world.makeClient({ accountKey });
    await client.newAccount({ contact: [] });
    const got = await obtain({ ...world, client }, { kind: 'http-01', names: [`${keyType}.proxy.test`], keyType });
    expect(new X509Certificate(got.chain).publicKey.asymmetricKeyType).toEqual(expected);
    // The same certificate, by way of other roots.
    expect(got.alternates.length).toEqual(2);
    const others = await Promise.all(got.alternates.map(async (url) => (await client.certificate(url)).chain));
    const roots = await Promise.all([0, 1, 2].map((n) => world.pebble.root(n)));
    const chains = [got.chain, ...others].map((chain) => new X509Certificate(lastOf(chain)));
    for (const root of roots.map((pem) => new X509Certificate(pem))) {
      expect(chains.filter((top) => top.checkIssued(root) && top.verify(root.publicKey)).length).toEqual(1);
    }
  }
});

test('an account is bound, found, changed, given a new key, and ended', async () => {
  const hmacKey = Buffer.alloc(32, 7).toString('base64url');
  await using world = await startAcmeWorld({ externalAccounts: { 'kid-1': hmacKey } });
  const accountKey = await makeAccountKey();
  const client = await world.makeClient({ accountKey });
  expect((await client.directory()).externalAccountRequired).toBeTrue();
  const contact = ['mailto:ops@proxy.test'];
  expect(await outcomeOf(client.newAccount({ contact }))).toEqual('externalAccountRequired 403');
  const wrong = { kid: 'kid-1', hmacKey: Buffer.alloc(32, 8).toString('base64url') };
  expect(await outcomeOf(client.newAccount({ contact, eab: wrong }))).toMatch(/^(unauthorized|malformed) 4/);
  expect(await outcomeOf(client.newAccount({ contact, onlyReturnExisting: true }))).toEqual('accountDoesNotExist 400');
  const made = await client.newAccount({ contact, eab: { kid: 'kid-1', hmacKey } });
  expect(`${made.created} ${made.status} ${made.contact}`).toEqual('true valid mailto:ops@proxy.test');

  const again = await world.makeClient({ accountKey });
  const found = await again.newAccount({ contact: [], onlyReturnExisting: true });
  expect(`${found.created} ${found.url === made.url}`).toEqual('false true');
  const changed = await again.updateAccount({ contact: ['mailto:other@proxy.test'] });
  expect(changed.contact).toEqual(['mailto:other@proxy.test']);

  const newKey = await makeAccountKey();
  await client.changeKey(newKey);
  expect(client.accountKey === newKey).toBeTrue();
  expect((await client.updateAccount({ contact })).status).toEqual('valid');
  // The old key is nobody's now.
  expect(await outcomeOf(again.updateAccount({ contact }))).toMatch(/^(malformed|unauthorized) 4/);
  expect((await obtain({ ...world, client }, { kind: 'http-01', names: ['a.proxy.test'] })).chain).toContain('BEGIN');

  expect((await client.deactivate()).status).toEqual('deactivated');
  const identifiers = [identifierOf('b.proxy.test')];
  expect(await outcomeOf(client.newOrder({ identifiers }))).toEqual('unauthorized 403');
});

test('certificates are revoked once, by their account or by their own key', async () => {
  await using world = await startAcmeWorld();
  const client = await withAccount(world);
  const stranger = await withAccount(world);
  const [first, second] = await Promise.all(
    ['a.proxy.test', 'b.proxy.test'].map((name) => obtain({ ...world, client }, { kind: 'http-01', names: [name] })),
  );
  if (first === undefined || second === undefined) throw new Error('two were ordered');
  expect(await outcomeOf(stranger.revoke(first.chain))).toMatch(/^unauthorized 4/);
  expect(await outcomeOf(stranger.revokeByKey(first.chain, second.key))).toMatch(/^unauthorized 4/);
  expect(await outcomeOf(client.revoke(first.chain, 99))).toMatch(/^badRevocationReason 4/);
  expect(await outcomeOf(client.revoke(first.chain, 4))).toEqual('done');
  expect(await outcomeOf(client.revoke(first.chain, 4))).toMatch(/^alreadyRevoked 4/);
  const nobody = await world.makeClient();
  expect(await outcomeOf(nobody.revokeByKey(second.chain, second.key))).toEqual('done');
});

test('what an authority refuses is told with its type, and about whom', async () => {
  await using world = await startAcmeWorld({ blocked: ['blocked.proxy.test'] });
  const client = await withAccount(world);
  const order = (...names: string[]) => obtain({ ...world, client }, { kind: 'http-01', names });
  expect(await outcomeOf(order('blocked.proxy.test'))).toMatch(/^rejectedIdentifier 4/);
  await world.dns.setServfail('lost.proxy.test');
  expect(await outcomeOf(order('lost.proxy.test'))).toMatch(/^(dns|connection) 4/);
  const bare = await client.newOrder({ identifiers: [identifierOf('wrong.proxy.test')] });
  const [url = ''] = bare.authorizations;
  const { challenges } = await client.authorization(url);
  // Nothing answers it.
  await client.answerChallenge(challenges.find(({ type }) => type === 'http-01')?.url ?? '');
  const failed = await client.waitForAuthorization(url);
  expect(failed.status).toEqual('invalid');
  const problem = failed.challenges.find(({ error }) => error !== null)?.error;
  expect(problem?.type).toEqual('unauthorized');
  expect((await client.order(bare.url)).status).toEqual('invalid');
  // What an order left behind can be given up.
  const left = await client.newOrder({ identifiers: [identifierOf('left.proxy.test')] });
  expect((await client.deactivateAuthorization(left.authorizations[0] ?? '')).status).toEqual('deactivated');
});

test('twenty orders at half of the nonces refused, and one at nine of ten, all succeed', async () => {
  for (const [noncePercent, count] of [
    [50, 20],
    [90, long ? 5 : 1],
  ] as const) {
    await using world = await startAcmeWorld({ noncePercent });
    const run = async (n: number) => {
      const client = await withAccount(world);
      const names = [`run${n}.proxy.test`, `also${n}.proxy.test`];
      return await outcomeOf(obtain({ ...world, client }, { kind: 'http-01', names }));
    };
    const outcomes = new Set<string>();
    for (let n = 0; n < count; n += 5) {
      const some = Array.from({ length: Math.min(5, count - n) }, (_, i) => run(n + i));
      for (const outcome of await Promise.all(some)) outcomes.add(outcome);
    }
    expect([...outcomes]).toEqual(['done']);
  }
});

export default tap.start();
