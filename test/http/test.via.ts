// Loops, and names of requests.

import { makeRequestId } from '../../ts/http/request-id.js';
import { Via } from '../../ts/http/via.js';
import { expect, tap } from '../helpers/tapbundle.js';

tap.test('a request that comes back again and again is a loop, one that passes twice is none', () => {
  const via = new Via();
  const fields: string[] = ['Accept', '*/*'];
  const seen: boolean[] = [];
  for (let pass = 0; pass < 5; pass++) {
    seen.push(via.isLoop(fields));
    fields.push('Via', via.mark('1.1'));
  }
  expect(seen).toEqual([false, false, false, false, true]);
  expect(via.isLoop(['via', Array.from({ length: 4 }, () => via.mark('2')).join(', ')])).toBeTrue();
});

tap.test('other proxies, also of this process, are no loop', () => {
  const via = new Via();
  const fields = Array.from({ length: 50 }, () => ['Via', new Via().mark('1.0')]).flat();
  expect(via.isLoop(fields)).toBeFalse();
  expect(via.isLoop([])).toBeFalse();
  expect(/^1\.0 sp-[0-9a-f]{12}$/.test(new Via().mark('1.0'))).toBeTrue();
});

tap.test('requests have different names, and only a trusted peer gives one', () => {
  const made = new Set(Array.from({ length: 100 }, () => makeRequestId([], true)));
  expect(made.size).toEqual(100);
  expect(makeRequestId(['X-Request-Id', 'abc'], true)).toEqual('abc');
  expect(makeRequestId(['X-Request-Id', 'abc'], false)).not.toEqual('abc');
  for (const bad of ['', 'a b', 'x'.repeat(129), 'ü'])
    expect(makeRequestId(['x-request-id', bad], true)).not.toEqual(bad);
});

export default tap.start();
