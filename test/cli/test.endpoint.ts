import { readEndpoint } from '../../ts/cli/endpoint.js';
import { CommandError } from '../../ts/cli/host.js';
import { expect, tap } from '../helpers/tapbundle.js';

tap.test('a port, an address or a name with a port, and IPv6 in brackets are read', async () => {
  expect(readEndpoint('443', 'FROM')).toEqual({ host: null, port: 443 });
  expect(readEndpoint('0', 'FROM')).toEqual({ host: null, port: 0 });
  expect(readEndpoint('10.0.0.1:80', 'FROM')).toEqual({ host: '10.0.0.1', port: 80 });
  expect(readEndpoint('db.internal:65535', 'TO')).toEqual({ host: 'db.internal', port: 65_535 });
  expect(readEndpoint('[::1]:25', 'TO')).toEqual({ host: '::1', port: 25 });
  expect(readEndpoint('[fe80::1%eth0]:25', 'TO')).toEqual({ host: 'fe80::1%eth0', port: 25 });
});

tap.test('anything else is refused by the name of its argument', async () => {
  for (const text of [
    '',
    ':80',
    'a',
    'a:',
    'a:b',
    '::1:80',
    '[::1]',
    '65536',
    'a:65536',
    'http://a:80',
    'a b:1',
    '-1',
  ]) {
    let caught: unknown;
    try {
      readEndpoint(text, 'FROM');
    } catch (error) {
      caught = error;
    }
    if (!(caught instanceof CommandError)) throw new Error(`${text}: want a CommandError, got ${caught}`);
    expect(caught.exitCode).toEqual(1);
    expect(caught.message).toMatch(/^FROM: want a port, host:port or \[IPv6\]:port, got "/);
  }
});

export default tap.start();
