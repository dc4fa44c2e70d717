// Who may be attacked is decided before anything is connected; nothing here leaves this machine.

import { placeOf } from '../../ts/attack/connect.js';
import { expect, tap } from '../helpers/tapbundle.js';

tap.test('what is not on this machine is attacked only where it is said to be yours', async () => {
  for (const host of ['192.0.2.1', '::ffff:192.0.2.1', '2001:db8::1', '0.0.0.0', '128.0.0.1']) {
    await expect(placeOf({ host, port: 80 }, false)).rejects.toThrow(/target: want an address of this machine/);
    expect(await placeOf({ host, port: 80 }, true)).toEqual({ address: host, port: 80, isTls: false });
  }
});

tap.test('this machine is told by its address, and a name by the one that it stands for', async () => {
  for (const host of ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1']) {
    expect((await placeOf({ host, port: 80, tls: true }, false)).address).toEqual(host);
  }
  expect((await placeOf({ port: 80 }, false)).address).toEqual('127.0.0.1');
  expect((await placeOf({ host: 'localhost', port: 80 }, false)).address).toMatch(/^(?:127\.0\.0\.1|::1)$/);
});

export default tap.start();
