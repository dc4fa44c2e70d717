import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { basicOf } from '../../ts/config/resolve-basic.js';
import type { Secret } from '../../ts/config/secret.js';
import { Hashes } from '../../ts/http/auth-hash.js';
import { Passwords } from '../../ts/http/auth-passwords.js';
import type { IAsking } from '../../ts/http/auth-types.js';
import { makeFakeClock } from '../helpers/fake-clock.js';
import { bcryptHash, scryptHash } from '../helpers/passwords.js';
import { root } from '../helpers/source-text.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { makeHead } from '../helpers/upstream-world.js';

const { signal } = new AbortController();
const hashes = { ann: scryptHash('word'), bob: scryptHash('bobs', { salt: 'other salt' }) };
const rule = basicOf({ users: { ...hashes, text: 'plain' } });

const asking = (userPass: string | null, clientIp = '192.0.2.1'): IAsking => {
  const fields = userPass === null ? [] : ['Authorization', `Basic ${Buffer.from(userPass).toString('base64')}`];
  return { head: makeHead({ fields }), clientIp } as unknown as IAsking;
};

function makeWorld() {
  const clock = makeFakeClock();
  const compared: string[] = [];
  const passwords = new Passwords(clock, async (hash: Secret, password: string) => {
    const of = Object.entries(hashes).find(([, text]) => text === hash.reveal());
    compared.push(`${of?.[0]} ${password}`);
    return password === 'word' || password === 'bobs';
  });
  const status = async (userPass: string | null, clientIp?: string): Promise<number> =>
    (await passwords.judge(rule, asking(userPass, clientIp), signal)).refusal?.head.status ?? 200;
  return { clock, compared, passwords, status };
}

tap.test('what was right is not computed again for a minute; what was wrong is, each time', async () => {
  const { clock, compared, passwords, status } = makeWorld();
  expect([await status('ann:word'), await status('ann:word'), await status('ann:no'), await status('ann:no')]).toEqual([
    200, 200, 401, 401,
  ]);
  expect(compared).toEqual(['ann word', 'ann no', 'ann no']);
  expect(passwords.stats.verified).toEqual(1);
  clock.advance(59_999);
  expect([await status('ann:word'), compared.length]).toEqual([200, 3]);
  clock.advance(2);
  expect([await status('ann:word'), compared.length]).toEqual([200, 4]);
  expect([await status('text:plain'), await status(null), compared.length]).toEqual([200, 401, 4]);
});

tap.test('a name that nobody has costs one comparison as well, and never gets in, whatever its password', async () => {
  const { compared, passwords, status } = makeWorld();
  for (const name of ['nobody', 'Ann', '', 'text', 'x'.repeat(500)]) {
    const before = compared.length;
    expect([name, await status(`${name}:word`), compared.length - before]).toEqual([name, 401, 1]);
    expect([await status(`${name}:word`), compared.at(-1)]).toEqual([401, compared.at(-2)]);
  }
  expect(await status('ann')).toEqual(401);
  expect(passwords.stats.verified).toEqual(0);
});

tap.test('memory of what was right is bounded', async () => {
  const clock = makeFakeClock();
  const passwords = new Passwords(clock, async () => true);
  for (let count = 0; count < 1100; count++) await passwords.judge(rule, asking(`ann:${count}`), signal);
  expect(passwords.stats).toEqual({ verified: 1024, running: 0, waiting: 0, clients: 0 });
});

tap.test('hashes are compared as other programs made them, and off the event loop', async () => {
  const made = new Hashes();
  const wrap = (text: string) => basicOf({ users: { x: text } }).users[0]?.hash as Secret;
  const pairs: [string, string, boolean][] = [
    [scryptHash('pässword', { ln: 11, r: 4, p: 2 }), 'pässword', true],
    [scryptHash('word'), 'wort', false],
    [bcryptHash('pässword'), 'pässword', true],
    [bcryptHash('word').replace('$2b$', '$2a$'), 'word', true],
    [bcryptHash('word'), '', false],
    // The example that all the world knows.
    ['$2a$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW', 'abc123xyz', true],
  ];
  for (const [hash, password, same] of pairs)
    expect([hash, await made.compare(wrap(hash), password)]).toEqual([hash, same]);
  let turns = 0;
  const turn = setInterval(() => turns++, 1);
  await made.compare(wrap(bcryptHash('word', 10)), 'word');
  clearInterval(turn);
  expect(turns).toBeGreaterThan(1);
  await made.cleanup();
  await expect(made.compare(wrap(bcryptHash('word')), 'word')).rejects.toThrow();
});

tap.test(
  'by structure: passwords are compared by digests of one length, all of them, with no way out before the end',
  async () => {
    for (const file of ['ts/http/auth-passwords.ts', 'ts/flow/guard/basic-auth.ts']) {
      const text = await readFile(join(root, file), 'utf8');
      const loops = [...text.matchAll(/for \(.*\) (\{[^{}]*\}|[^{}\n]*timingSafeEqual.*)/g)].map(
        ([, body = '']) => body,
      );
      const comparing = loops.filter((body) => body.includes('timingSafeEqual'));
      expect(comparing.length).toBeGreaterThan(0);
      for (const body of comparing)
        expect([file, /\breturn\b|\bbreak\b|&&|\|\||\bif\b/.test(body)]).toEqual([file, false]);
    }
    const lengths = rule.users.map(({ name }) => name.length).concat(rule.digests.map(({ length }) => length));
    expect(new Set(lengths)).toEqual(new Set([32]));
  },
);

tap.test('by measure: a known name takes no longer to refuse than an unknown one (pitfall 44)', async () => {
  if (process.env.LONG !== '1') return;
  const passwords = new Passwords(makeFakeClock(), new Hashes().compare);
  const spent: Record<string, number[]> = { 'ann:wrong': [], 'eve:wrong': [] };
  for (let round = 0; round < 300; round++) {
    for (const [userPass, times] of Object.entries(spent)) {
      const startMs = performance.now();
      await passwords.judge(rule, asking(`${userPass}${round}`), signal);
      times.push(performance.now() - startMs);
    }
  }
  const [known = 0, unknown = 0] = Object.values(spent).map(
    (times) => times.sort((a, b) => a - b)[times.length >> 1] ?? 0,
  );
  expect(Math.abs(known - unknown) / known).toBeLessThan(0.1);
});

export default tap.start();
