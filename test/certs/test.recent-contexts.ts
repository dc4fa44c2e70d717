// With more names than contexts are kept for, every name is served, and nobody who is connected or about to be notices.

import { connect as connectTcp } from 'node:net';
import { Duplex } from 'node:stream';
import tls from 'node:tls';
import type { IManagedPairs } from '../../ts/certs/context-source.js';
import type { IKeyPair } from '../../ts/certs/pem.js';
import { RecentContexts, type TContexts } from '../../ts/certs/recent-contexts.js';
import { TlsContext } from '../../ts/certs/tls-context.js';
import { makeCertificate } from '../helpers/certificates.js';
import { connectTls } from '../helpers/clients.js';
import { makeTls, startTerminator } from '../helpers/make-tls.js';
import { noManaged } from '../helpers/no-managed.js';
import { expect, tap } from '../helpers/tapbundle.js';

const managed = { managed: 'auto', acme: null } as const;
const certificate = await makeCertificate({ names: ['a.test'] });

/** As many as one likes: the same certificate, each time another pair. */
const makePair = (): IKeyPair => ({ cert: certificate.cert, key: certificate.key, ca: null, passphrase: null });

tap.test('those that were asked for last are kept, the others are made anew, and settings keep to themselves', () => {
  const settings = makeTls({ certificate });
  const made: IKeyPair[] = [];
  const make = (pair: IKeyPair) => {
    made.push(pair);
    return new TlsContext(settings, pair, Buffer.alloc(48));
  };
  const recent = new RecentContexts(3);
  const [one, other]: [TContexts, TContexts] = [new WeakMap(), new WeakMap()];
  const [a, b, c, d] = [makePair(), makePair(), makePair(), makePair()];
  const first = recent.get(one, a, make);
  expect(recent.get(one, a, make)).toBe(first);
  expect(recent.get(other, a, make)).not.toBe(first);
  recent.get(one, b, make);
  recent.get(one, a, make);
  recent.get(one, c, make);
  expect(made).toEqual([a, a, b, c]);
  expect(recent.get(one, a, make)).toBe(first);
  recent.get(one, d, make);
  recent.get(other, a, make);
  expect(made).toEqual([a, a, b, c, d, a]);
  expect(recent.size).toEqual(3);
});

tap.test('five thousand names leave as many contexts as are kept', () => {
  const settings = makeTls({ certificate });
  const recent = new RecentContexts(100);
  const contexts: TContexts = new WeakMap();
  const pairs = Array.from({ length: 5_000 }, makePair);
  let made = 0;
  const make = (pair: IKeyPair) => {
    made++;
    return new TlsContext(settings, pair, Buffer.alloc(48));
  };
  for (const pair of pairs) recent.get(contexts, pair, make);
  for (const pair of pairs.slice(-100)) recent.get(contexts, pair, make);
  expect([made, recent.size, pairs.filter((pair) => contexts.has(pair)).length]).toEqual([5_000, 100, 100]);
});

/** Names are served with pairs of their own, three contexts at a time. */
async function startWorld() {
  const names = Array.from({ length: 12 }, (_, i) => `n${i}.test`);
  const pairs = new Map<string, IKeyPair>();
  for (const name of names) {
    const { cert, key } = await makeCertificate({ names: [name] });
    pairs.set(name, { cert, key, ca: null, passphrase: null });
  }
  const given: IManagedPairs = { ...noManaged, pairFor: (_, name) => pairs.get(name ?? '') ?? null };
  const settings = makeTls({ certificate: managed });
  const world = await startTerminator({ tls: { '': settings }, managed: given, mostContexts: 3 });
  const shown = async (name: string): Promise<string> => {
    await using client = await connectTls(world.port, { servername: name });
    return (client.socket as tls.TLSSocket).getPeerCertificate().subjectaltname ?? '';
  };
  /** After this nothing is kept of the name. */
  const push = async (name: string) => {
    for (const other of names) if (other !== name) expect(await shown(other)).toEqual(`DNS:${other}`);
  };
  return { world, shown, push };
}

tap.test(
  'a connection lives on when the context it began with is no longer kept, and its name is served again',
  async () => {
    const { world, shown, push } = await startWorld();
    await using terminator = world;
    await using client = await connectTls(terminator.port, { servername: 'n0.test' });
    await push('n0.test');
    client.send('still');
    expect(await client.receive(5)).toEqual('still');
    expect(await shown('n0.test')).toEqual('DNS:n0.test');
    expect(terminator.errors).toEqual([]);
  },
);

tap.test('a handshake that is halfway through is finished after its context was let go', async () => {
  const { world, push } = await startWorld();
  await using terminator = world;
  const raw = connectTcp(terminator.port, '127.0.0.1');
  await new Promise((resolve) => raw.once('connect', resolve));
  // The client's first flight goes out, what comes back waits.
  const held: Buffer[] = [];
  const duplex = new Duplex({ read() {}, write: (bytes, _, done) => void raw.write(bytes, done) });
  const secure = tls.connect({ socket: duplex, servername: 'n0.test', rejectUnauthorized: false });
  const secured = new Promise<string>((resolve, reject) => {
    secure.once('secureConnect', () => resolve(secure.getPeerCertificate().subjectaltname ?? ''));
    secure.once('error', reject);
  });
  await new Promise<void>((resolve) => {
    raw.once('data', (bytes) => {
      held.push(bytes);
      resolve();
    });
  });
  await push('n0.test');
  raw.on('data', (bytes) => duplex.push(bytes));
  for (const bytes of held) duplex.push(bytes);
  expect(await secured).toEqual('DNS:n0.test');
  const echoed = new Promise<string>((resolve) => secure.once('data', (bytes) => resolve(bytes.toString())));
  secure.write('hello');
  expect(await echoed).toEqual('hello');
  secure.destroy();
  raw.destroy();
});

tap.test('a session of a name is resumed under the context that was made anew', async () => {
  const { world, push } = await startWorld();
  await using terminator = world;
  const options = { servername: 'n0.test', maxVersion: 'TLSv1.2' } as const;
  let session: Buffer | undefined;
  {
    await using client = await connectTls(terminator.port, options);
    session = (client.socket as tls.TLSSocket).getSession();
  }
  await push('n0.test');
  await using client = await connectTls(terminator.port, { ...options, ...(session ? { session } : {}) });
  expect((client.socket as tls.TLSSocket).isSessionReused()).toEqual(true);
});

export default tap.start();
