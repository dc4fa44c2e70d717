import { dialFailure } from '../../ts/http/upstream-dial.js';
import { expect, tap } from '../helpers/tapbundle.js';

tap.test('pitfall 61: what this machine lacks is 503 and no reproach to the target', () => {
  const place = { host: 'a.test', port: 80, tls: null };
  const told = (code: string) => {
    const { code: name, status, blame, tryNext } = dialFailure(place, Object.assign(new Error(code), { code }));
    return [name, status, blame, tryNext];
  };
  // Another target has local ports of its own.
  expect(told('EADDRNOTAVAIL')).toEqual(['PORTS_USED_UP', 503, 'proxy', true]);
  for (const code of ['EMFILE', 'ENFILE', 'ENOBUFS'])
    expect(told(code)).toEqual(['DESCRIPTOR_LIMIT', 503, 'proxy', false]);
  expect(told('ECONNREFUSED')).toEqual(['TARGET_UNREACHABLE', 502, 'upstream', true]);
  expect(told('ETIMEDOUT')).toEqual(['TARGET_TIMEOUT', 504, 'upstream', true]);
});

export default tap.start();
