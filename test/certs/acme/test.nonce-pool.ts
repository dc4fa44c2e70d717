import { NoncePool } from '../../../ts/certs/acme/nonce-pool.js';
import { expect, tap } from '../../helpers/tapbundle.js';

tap.test('the newest nonce is used first, and each one once', () => {
  const pool = new NoncePool();
  pool.add('a');
  pool.add('b');
  expect([pool.take(), pool.take(), pool.take()]).toEqual(['b', 'a', undefined]);
});

tap.test('what is no base64url is no nonce', () => {
  const pool = new NoncePool();
  for (const text of [undefined, '', 'a b', 'a=', 'a"', 'é', 'x'.repeat(513), ['a']]) pool.add(text);
  expect(pool.size).toEqual(0);
  pool.add('aZ09-_');
  expect(pool.take()).toEqual('aZ09-_');
});

tap.test('of many nonces only the newest are kept', () => {
  const pool = new NoncePool();
  for (let n = 0; n < 1000; n++) pool.add(`n${n}`);
  expect(pool.size).toEqual(32);
  expect(pool.take()).toEqual('n999');
});

export default tap.start();
