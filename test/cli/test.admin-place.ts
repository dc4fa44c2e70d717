import { writeFile } from 'node:fs/promises';
import { adminPlace, withAdmin } from '../../ts/cli/admin-place.js';
import { makeFolder } from '../helpers/make-folder.js';
import { expect, tap } from '../helpers/tapbundle.js';

const place = (given: object, env: Record<string, string> = {}) => adminPlace(given, { env });

tap.test('options go before the environment, which goes before what is usual', async () => {
  expect(await place({})).toEqual({ host: '127.0.0.1', port: 9190, token: null });
  expect(await place({ admin: '9' })).toEqual({ host: '127.0.0.1', port: 9, token: null });
  const env = { SMARTPROXY_ADMIN: '[::1]:8', SMARTPROXY_ADMIN_TOKEN: 'from-env' };
  expect(await place({}, env)).toEqual({ host: '::1', port: 8, token: 'from-env' });
  expect(await place({ admin: 'a.test:7' }, env)).toEqual({ host: 'a.test', port: 7, token: 'from-env' });
  expect(await place({}, { SMARTPROXY_ADMIN: '', SMARTPROXY_ADMIN_TOKEN: '' })).toEqual({
    ...{ host: '127.0.0.1', port: 9190, token: null },
  });
  await expect(place({}, { SMARTPROXY_ADMIN: 'x y' })).rejects.toThrow(/^SMARTPROXY_ADMIN: want/);
});

tap.test('a file gives its first line, which must not be empty', async () => {
  await using folder = await makeFolder();
  const tokenFile = `${folder.path}/token`;
  await writeFile(tokenFile, 'from-file\r\nmore');
  expect((await place({ tokenFile }, { SMARTPROXY_ADMIN_TOKEN: 'from-env' })).token).toEqual('from-file');
  await writeFile(tokenFile, '\n');
  await expect(place({ tokenFile })).rejects.toThrow(/want a token in its first line/);
});

tap.test('the command line overrides where a file has the interface, and keeps the rest', async () => {
  const routes: never[] = [];
  const file = { routes, admin: { host: '10.0.0.1', port: 1, token: 'of-the-file', hosts: ['a.test'] } };
  const env = { SMARTPROXY_ADMIN_TOKEN: 'from-env', SMARTPROXY_ADMIN: '2' };
  expect((await withAdmin(file, { admin: '3' }, { env })).admin).toEqual({
    ...{ host: '127.0.0.1', port: 3, token: 'of-the-file', hosts: ['a.test'] },
  });
  expect(await withAdmin(file, {}, { env })).toEqual(file);
  expect((await withAdmin({ routes, admin: {} }, {}, { env })).admin).toEqual({ token: 'from-env' });
  // What commands of other proxies are told does not open an interface.
  expect(await withAdmin({ routes }, {}, { env })).toEqual({ routes });
});

export default tap.start();
