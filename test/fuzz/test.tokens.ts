// Nearly right tokens: who is let in has a signature of ours over the very bytes that were sent, by the algorithm that the route names.

import assert from 'node:assert/strict';
import { createHmac, timingSafeEqual } from 'node:crypto';
import { systemClock } from '../../ts/base/clock.js';
import { silentLogger } from '../../ts/base/logger.js';
import type { IResolvedJwt } from '../../ts/config/resolved-auth.js';
import { Secret } from '../../ts/config/secret.js';
import { Tokens } from '../../ts/http/auth-tokens.js';
import type { IAsking } from '../../ts/http/auth-types.js';
import type { Upstreams } from '../../ts/http/upstream.js';
import { fuzz, fuzzInputs, tell } from '../helpers/fuzz.js';
import { latin1 } from '../helpers/read-http1.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { signWithSecret } from '../helpers/tokens.js';

const secret = 'a secret of the thirty-two octets that HS256 asks for';
const rule: IResolvedJwt = {
  ...{ secret: new Secret(secret), keys: null, server: null, algorithms: ['HS256'], issuer: ['us'], audience: null },
  ...{
    requiredClaims: [],
    clockToleranceSeconds: 0,
    excluded: null,
    claims: [{ claim: 'sub', header: 'X-User' }],
    forwardToken: false,
  },
};
const json = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const day = 86_400;
const nowSeconds = Math.floor(Date.now() / 1000);

tap.timeout(3_600_000);

tap.test(
  'of fuzzed tokens those pass that have our signature, and their claims become fields of one line',
  async (t) => {
    // Nobody is asked for keys.
    const tokens = new Tokens(systemClock, silentLogger, {} as Upstreams);
    const claims = { iss: 'us', sub: 'somebody', exp: nowSeconds + day };
    const good = await signWithSecret(secret, claims);
    const [head = '', body = '', signature = ''] = good.split('.');
    const seeds = [
      good,
      await signWithSecret(secret, { ...claims, sub: 'two\r\nX-Admin: yes' }),
      await signWithSecret(secret, { ...claims, iss: 'them' }),
      await signWithSecret(secret, { ...claims, exp: nowSeconds - day }),
      await signWithSecret(secret, claims, 'HS512'),
      await signWithSecret('another secret, which is as long as the first one is', claims),
      `${json({ alg: 'none' })}.${body}.`,
      `${json({ alg: 'HS256', crit: ['x'], x: 1 })}.${body}.${signature}`,
    ].map((token) => latin1(`Bearer ${token}`));
    const isOurs = (token: string): boolean => {
      const [first = '', second = '', third = ''] = token.split('.');
      const wanted = createHmac('sha256', secret).update(`${first}.${second}`).digest();
      const given = Buffer.from(third, 'base64url');
      return given.length === wanted.length && timingSafeEqual(given, wanted);
    };
    const report = await fuzz(
      {
        seeds,
        words: [
          '.',
          '..',
          'Bearer ',
          'bearer  ',
          'Basic ',
          ',',
          '=',
          head,
          body,
          signature,
          json({ alg: 'none' }),
          '\0',
        ],
        async judge(bytes) {
          const text = bytes.toString('latin1');
          const asking = { head: { fields: ['Authorization', text] } } as unknown as IAsking;
          const { refusal, fields } = await tokens.judge(rule, asking);
          if (refusal !== null) return false;
          const token = /^bearer +(\S+)$/i.exec(text)?.[1] ?? '';
          assert(isOurs(token), text);
          const told = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
          assert(told.iss === 'us' && told.exp > nowSeconds);
          assert(fields.every((part) => /^[\x20-\x7e\x80-\xff]*$/.test(part)));
          return true;
        },
      },
      fuzzInputs(),
      7519,
    );
    t.diagnostic(tell(report));
    expect(report.accepted).toBeGreaterThan(report.inputs / 100);
    expect(report.grownBytes).toBeLessThan(16 * 2 ** 20);
  },
);

export default tap.start();
