import type { IResolvedJwt } from '../../ts/config/resolved.js';
import { VerifiedTokens } from '../../ts/http/auth-verified.js';
import { makeFakeClock } from '../helpers/fake-clock.js';
import { expect, tap } from '../helpers/tapbundle.js';

const makeRule = (clockToleranceSeconds = 0): IResolvedJwt => ({
  secret: null,
  keys: null,
  server: null,
  algorithms: ['HS256'],
  issuer: null,
  audience: null,
  requiredClaims: [],
  clockToleranceSeconds,
  excluded: null,
  claims: [],
  forwardToken: false,
});

function makeWorld() {
  const clock = makeFakeClock();
  const rule = makeRule();
  const tokens = new VerifiedTokens(clock);
  const nowSeconds = Math.floor(clock.wallMs() / 1_000);
  const verdict = { refusal: null, fields: ['x-user', 'a'], toClient: [] };
  return { clock, rule, tokens, nowSeconds, verdict };
}

tap.test('a token is known for a minute, by its rule and its keys alone', async () => {
  const { clock, rule, tokens, verdict } = makeWorld();
  expect(tokens.find(rule, 'a.b.c', 1)).toBeNull();
  tokens.keep(rule, 'a.b.c', 1, verdict, {});
  expect(tokens.find(rule, 'a.b.c', 1)).toEqual(verdict);
  expect(tokens.find(rule, 'a.b.d', 1)).toBeNull();
  expect(tokens.find(makeRule(), 'a.b.c', 1)).toBeNull();
  clock.advance(59_999);
  expect(tokens.find(rule, 'a.b.c', 1)).toEqual(verdict);
  clock.advance(1);
  expect(tokens.find(rule, 'a.b.c', 1)).toBeNull();
  tokens.keep(rule, 'a.b.c', 1, verdict, {});
  expect(tokens.find(rule, 'a.b.c', 2)).toBeNull();
});

tap.test('it is good from its nbf to its exp, give or take the tolerance', async () => {
  for (const tolerance of [0, 5]) {
    const { clock, tokens, nowSeconds, verdict } = makeWorld();
    const rule = makeRule(tolerance);
    tokens.keep(rule, 'ends', 0, verdict, { exp: nowSeconds + 10 });
    tokens.keep(rule, 'begins', 0, verdict, { nbf: nowSeconds + tolerance + 1 });
    expect(tokens.find(rule, 'begins', 0)).toBeNull();
    clock.advance((9 + tolerance) * 1_000);
    expect(tokens.find(rule, 'ends', 0)).toEqual(verdict);
    clock.advance(1_000);
    expect(tokens.find(rule, 'ends', 0)).toBeNull();
  }
});

tap.test('of more than a thousand the oldest are forgotten', async () => {
  const { rule, tokens, verdict } = makeWorld();
  for (let n = 0; n < 1_030; n++) tokens.keep(rule, `token ${n}`, 0, verdict, {});
  expect(tokens.find(rule, 'token 5', 0)).toBeNull();
  expect(tokens.find(rule, 'token 6', 0)).toEqual(verdict);
  expect(tokens.find(rule, 'token 1029', 0)).toEqual(verdict);
});

export default tap.start();
