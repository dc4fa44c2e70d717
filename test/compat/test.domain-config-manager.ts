// The domains of older options: found by name and by port, with their addresses in turn.

import { ConfigError, DomainConfigManager, type ILegacyDomainConfig } from '../../ts/index.js';
import { expect, tap } from '../helpers/tapbundle.js';

const a: ILegacyDomainConfig = {
  domains: ['a.test', '*.a.test'],
  targetIPs: ['10.0.0.1', '10.0.0.2', '10.0.0.3'],
  allowedIPs: ['192.0.2.1'],
  portRanges: [{ from: 9_000, to: 9_009 }],
};
const b: ILegacyDomainConfig = { domains: 'b.a.test', targetIP: '10.0.0.9' };
const c: ILegacyDomainConfig = {
  domains: 'c.test',
  forwarding: {
    type: 'http-only',
    target: { host: ['x.test', 'y.test'], port: 80 },
    security: { blockedIps: ['192.0.2.7'] },
  },
};
const options = {
  fromPort: 443,
  toPort: 8443,
  globalPortRanges: [{ from: 9_000, to: 9_100 }],
  defaultAllowedIPs: ['127.0.0.1'],
  domainConfigs: [a, b, c],
};

tap.test('the addresses of a domain are used in turn, those of each by themselves', () => {
  const manager = new DomainConfigManager(options);
  const turns = Array.from({ length: 6 }, () => manager.getTargetIP(a));
  expect(turns).toEqual(['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.1', '10.0.0.2', '10.0.0.3']);
  expect([manager.getTargetIP(b), manager.getTargetIP(b)]).toEqual(['10.0.0.9', '10.0.0.9']);
  expect([manager.getTargetIP(c), manager.getTargetIP(a), manager.getTargetIP(c)]).toEqual([
    'x.test',
    '10.0.0.1',
    'y.test',
  ]);
  expect(manager.getTargetIP()).toEqual('localhost');
  expect(() => manager.getTargetIP({ domains: 'a.test' })).toThrow(/none of this manager/);
});

tap.test('a name finds the first domain that takes it, a port the first that has it', () => {
  const manager = new DomainConfigManager(options);
  const find = (name: string) => manager.findDomainConfig(name);
  expect([find('A.test'), find('b.a.test'), find('c.test'), find('d.test')]).toEqual([a, a, c, undefined]);
  expect([9_005, 9_010, 443].map((port) => manager.findDomainConfigForPort(port))).toEqual([a, undefined, undefined]);
  expect([9_100, 9_101].map((port) => manager.isPortInGlobalRanges(port))).toEqual([true, false]);
});

tap.test('lists of a domain and of all are one', () => {
  const manager = new DomainConfigManager(options);
  expect(manager.getEffectiveIPRules(a)).toEqual({ allowedIPs: ['192.0.2.1', '127.0.0.1'], blockedIPs: [] });
  expect(manager.getEffectiveIPRules(c)).toEqual({ allowedIPs: ['127.0.0.1'], blockedIPs: ['192.0.2.7'] });
});

tap.test('domains are replaced as a whole or not at all', () => {
  const manager = new DomainConfigManager(options);
  expect(() => manager.updateDomainConfigs([{ domains: '{x}' }, { domains: [] }])).toThrow(ConfigError);
  expect(manager.getDomainConfigs()).toEqual([a, b, c]);
  manager.updateDomainConfigs([b]);
  expect([
    manager.getDomainConfigs(),
    manager.findDomainConfig('a.test'),
    manager.findDomainConfig('b.a.test'),
  ]).toEqual([[b], undefined, b]);
});

export default tap.start();
