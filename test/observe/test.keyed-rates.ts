import { KeyedRates, maxKeys, otherKey } from '../../ts/observe/keyed-rates.js';
import { expect, tap } from '../helpers/tapbundle.js';

tap.test('rates are those of the last finished interval', async () => {
  const rates = new KeyedRates();
  rates.add('a', 100, 10);
  rates.add('b', 0, 30);
  rates.add('a', 100, 10);
  expect(rates.rates()).toEqual(new Map());
  rates.turn(2000);
  const expected = new Map([
    ['a', { in: 100, out: 10 }],
    ['b', { in: 0, out: 15 }],
  ]);
  expect(rates.rates()).toEqual(expected);
  rates.add('a', 7, 7);
  rates.add('c', 7, 7);
  expect(rates.rates()).toEqual(expected);
  rates.turn(1000);
  expect([...rates.rates().keys()]).toEqual(['a', 'c']);
});

tap.test('a key that is silent for an interval is forgotten', async () => {
  const rates = new KeyedRates();
  for (let i = 0; i < 500; i++) rates.add(`10.0.${i}`, 1, 1);
  rates.turn(1000);
  expect(rates.size).toEqual(500);
  rates.turn(1000);
  expect(rates.size).toEqual(0);
  expect(rates.rates()).toEqual(new Map());
});

tap.test('keys beyond the bound are added up, so that no byte is lost', async () => {
  const rates = new KeyedRates();
  for (let i = 0; i < maxKeys + 5000; i++) rates.add(`key-${i}`, 1, 2);
  rates.add('key-0', 1, 2);
  rates.turn(1000);
  expect(rates.size).toEqual(maxKeys + 1);
  expect(rates.rates().get(otherKey)).toEqual({ in: 5000, out: 10_000 });
  expect(rates.rates().get('key-0')).toEqual({ in: 2, out: 4 });
  const total = [...rates.rates().values()].reduce((sum, rate) => sum + rate.in, 0);
  expect(total).toEqual(maxKeys + 5001);
});

export default tap.start();
