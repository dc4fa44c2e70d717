import { ConfigError, errorTable, messageOf, ProxyError, type TErrorCode } from '../../ts/base/errors.js';
import { expect, tap } from '../helpers/tapbundle.js';

tap.test('an error carries what its code stands for, and its cause', async () => {
  const cause = new Error('ECONNREFUSED');
  const error = new ProxyError('TARGET_UNRESOLVED', 'no', { cause });
  expect([error.name, error.message, error.code]).toEqual(['ProxyError', 'no', 'TARGET_UNRESOLVED']);
  expect([error.blame, error.status, error.tryNext]).toEqual(['upstream', 502, true]);
  expect(error.cause).toBe(cause);
  expect(error).toBeInstanceOf(Error);
});

tap.test("every code has a status of a failure, and only other targets' failures let another be tried", async () => {
  const codes = Object.keys(errorTable) as TErrorCode[];
  expect(codes.length).toBeGreaterThan(10);
  for (const code of codes) {
    const { status, tryNext } = errorTable[code];
    expect(status >= 400 && status < 600).toBeTrue();
    if (tryNext) expect(status).toBeGreaterThan(500);
  }
});

tap.test('a configuration error lists all its faults', async () => {
  const error = new ConfigError([
    { path: 'routes[0].match.ports', want: 'a port', got: '70000' },
    { path: '', want: 'an object', got: 'null' },
  ]);
  expect([error.name, error.code, error.faults.length]).toEqual(['ConfigError', 'CONFIG_INVALID', 2]);
  expect(error.message.split('\n')).toEqual([
    '2 faults in the configuration:',
    '  routes[0].match.ports: want a port, got 70000',
    '  (root): want an object, got null',
  ]);
  expect(new ConfigError([{ path: 'a', want: 'b', got: 'c' }]).message).toMatch(/^1 fault in/);
});

tap.test('whatever was thrown has a message', async () => {
  expect([messageOf(new Error('a')), messageOf('b'), messageOf(undefined)]).toEqual(['a', 'b', 'undefined']);
});

tap.test('what will not say anything has a message too', async () => {
  const hostile = new Proxy(
    {},
    {
      getPrototypeOf: () => {
        throw new Error('nobody may look');
      },
    },
  );
  for (const thrown of [Object.create(null), hostile, Object.assign(new Error(), { message: Symbol('a') })]) {
    expect(messageOf(thrown)).toEqual('no message');
  }
});

export default tap.start();
