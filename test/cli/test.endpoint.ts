import { readEndpoint, readTarget } from '../../ts/cli/endpoint.js';
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

tap.test('a target is host and port, or a URL without a path', async () => {
  const read = (text: string) => {
    const { scheme, host, port } = readTarget(text);
    return `${scheme} ${host} ${port}`;
  };
  expect(read('a.test:443')).toEqual('null a.test 443');
  expect(read('http://a.test')).toEqual('http a.test 80');
  expect(read('HTTP://a.test:3000/')).toEqual('http a.test 3000');
  expect(read('https://10.0.0.1')).toEqual('https 10.0.0.1 443');
  expect(read('http://[::1]')).toEqual('http ::1 80');
  expect(read('https://[::1]:8443')).toEqual('https ::1 8443');
  for (const text of [
    '443',
    'http://',
    'http://a.test/path',
    'http://a.test?x',
    'ftp://a.test:1',
    'https://u@a.test',
    'http://a:b',
  ]) {
    let caught: unknown;
    try {
      readTarget(text);
    } catch (error) {
      caught = error;
    }
    if (!(caught instanceof CommandError)) throw new Error(`${text}: want a CommandError, got ${caught}`);
    expect(caught.message).toMatch(/^TO: want /);
  }
});

export default tap.start();
