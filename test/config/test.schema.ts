import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { optionsSchema } from '../../ts/config/schema.js';
import { knownOptions } from '../../ts/config/schema-base.js';
import type { ISmartProxyOptions } from '../../ts/config/types.js';
import type { zod } from '../../ts/plugins.js';
import { faultPaths } from '../helpers/config-faults.js';
import { root } from '../helpers/source-text.js';
import { expect, tap } from '../helpers/tapbundle.js';

/** Each place of the schema, and the interfaces of types.ts that describe it. */
const interfaces: Record<string, readonly string[]> = {
  options: ['ISmartProxyOptions', 'IRouteTimeouts'],
  route: ['IRouteConfig'],
  match: ['IRouteMatch'],
  'port span': ['IPortSpan'],
  'forward action': ['IForwardAction'],
  'socket-handler action': ['ISocketHandlerAction'],
  'block action': ['IBlockAction'],
  target: ['ITarget'],
  loadBalancing: ['ILoadBalancing'],
  healthCheck: ['IHealthCheck'],
  tls: ['IRouteTls'],
  security: ['IRouteSecurity'],
  timeouts: ['IRouteTimeouts'],
};

/** Places whose type is written inside another one. */
const inner: Record<string, string> = {
  defaults: 'defaults?: {',
  'target match': 'match?: { ports?',
  passive: 'passive?: false | {',
  metrics: 'metrics?: boolean | {',
};

tap.test('the schema has the options of the types at every place, no more and no fewer', async () => {
  const types = await readFile(join(root, 'ts/config/types.ts'), 'utf8');
  for (const [place, names] of Object.entries(interfaces)) {
    const keys = names.flatMap((name) => keysOfInterface(types, name));
    expect(keys.length).toBeGreaterThan(0);
    expect([...(knownOptions.get(place) ?? [])].sort()).toEqual(keys.sort());
  }
  for (const [place, beginning] of Object.entries(inner)) {
    const start = types.indexOf(beginning) + beginning.indexOf('{');
    const keys = [...types.slice(start, types.indexOf('}', start)).matchAll(/(?<=[{;]) *(\w+)\??:/g)].map(
      ([, key]) => key,
    );
    expect(keys.length).toBeGreaterThan(0);
    expect([...(knownOptions.get(place) ?? [])].sort()).toEqual(keys.sort());
  }
  expect([...knownOptions.keys()].sort()).toEqual([...Object.keys(interfaces), ...Object.keys(inner)].sort());
});

function keysOfInterface(source: string, name: string): string[] {
  const body =
    new RegExp(`export interface ${name}(?: extends \\w+)? \\{\\n([\\s\\S]*?)\\n\\}`).exec(source)?.[1] ?? '';
  return [...body.matchAll(/^ {2}(?:readonly )?(\w+)\??:/gm)].map(([, key]) => key ?? '');
}

tap.test('what the schema gives is what the types say', () => {
  // Judged by the compiler: neither assignment holds if an option is missing or of another type.
  type TParsed = zod.output<typeof optionsSchema>;
  const there = (parsed: TParsed): ISmartProxyOptions => parsed;
  const back = (options: TMutable<ISmartProxyOptions>): TParsed => options;
  expect(there(back({ routes: [] }))).toEqual({ routes: [] });
});

type TMutable<T> = T extends (...args: never[]) => unknown
  ? T
  : T extends readonly (infer E)[]
    ? TMutable<E>[]
    : T extends object
      ? { -readonly [K in keyof T]: TMutable<T[K]> }
      : T;

const target = { host: 'a.test', port: 80 };
const logger = { debug() {}, info() {}, warn() {}, error() {} };
const noop = () => {};

const withOption = (option: object) => ({ routes: [], ...option });
const withRoute = (route: object) => ({
  routes: [{ match: { ports: 443 }, action: { type: 'forward', target }, ...route }],
});
const withMatch = (match: object) => withRoute({ match: { ports: 443, ...match } });
const withAction = (action: object) => withRoute({ action: { type: 'forward', target, ...action } });
const withTarget = (part: object) => withAction({ target: { ...target, ...part } });
const withHandler = (part: object) => withRoute({ action: { type: 'socket-handler', socketHandler: noop, ...part } });
const withBlock = (part: object) => withRoute({ action: { type: 'block', ...part } });

const security = { ipBlockList: ['10.0.0.1'] };
const tls = { mode: 'passthrough' };
const milliseconds = (min: number) => ({
  good: [min, 315_360_000_000],
  bad: [min - 1, 315_360_000_001, 1.5, '1', NaN],
});
const flags = { good: [true, false], bad: ['yes', 1, null] };
const addresses = {
  good: [['10.0.0.1', '10.0.0.0/8', '10.0.0.1-10.0.0.9', '10.0.*', '10.?.?.1', '::1', 'fe80::/10']],
  bad: ['10.0.0.1', ['010.0.0.1'], ['10.0.0.0/33'], ['a.test'], [7], ['::1%eth0']],
};
const proxyHeader = { good: [true, false, 1, 2], bad: [0, 3, 'v1'] };
const labels = { good: ['a', 'Ä b'], bad: ['', 'a\nb', 'x'.repeat(201), 7] };
const connections = (min: number) => ({ good: [min, 10_000_000], bad: [min - 1, 10_000_001, 2.5, '5'] });
const listenAddresses = { good: ['127.0.0.1', '::', '::1', 'fe80::1%eth0'], bad: ['localhost', '127.1', '', 4] };
const portRanges = {
  good: [443, 0, [80, 443], { from: 1, to: 65_535 }, [0, { from: 8000, to: 8010 }]],
  bad: [-1, 65_536, '443', [], { from: 2, to: 1 }, { from: 0, to: 3 }, { from: 1 }, [[1]], 1.5, null],
};

interface ICase {
  readonly config: (part: object) => object;
  readonly options: Record<string, { readonly good: readonly unknown[]; readonly bad: readonly unknown[] }>;
}

const timeouts: ICase['options'] = {
  connectionTimeout: milliseconds(1),
  inactivityTimeout: milliseconds(0),
  maxConnectionLifetime: milliseconds(0),
  halfOpenTimeout: milliseconds(1),
  stallTimeout: milliseconds(0),
  keepAliveTreatment: { good: ['standard', 'extended', 'immortal'], bad: ['Standard', 1, null] },
  keepAliveInactivityMultiplier: { good: [1, 1.5, 1000], bad: [0.5, 1001, Number.POSITIVE_INFINITY] },
  enableHalfOpen: flags,
};

/** Values that each option takes and values that it does not. */
const cases: Record<string, ICase> = {
  options: {
    config: (part) =>
      'proxyIPs' in part || 'acceptProxyProtocol' in part ? { ...proxied, ...part } : withOption(part),
    options: {
      routes: { good: [[]], bad: [{}, null, 7, [null]] },
      defaults: { good: [{}, { target, security, tls }], bad: [7, { targets: [target] }] },
      acceptProxyProtocol: { good: [true], bad: ['yes', null] },
      proxyIPs: addresses,
      sendProxyProtocol: proxyHeader,
      ...timeouts,
      initialDataTimeout: milliseconds(1),
      gracefulShutdownTimeout: milliseconds(0),
      noDelay: flags,
      keepAlive: flags,
      keepAliveInitialDelay: milliseconds(1000),
      maxConnections: connections(1),
      listenAddress: listenAddresses,
      denyPrivateTargets: flags,
      maxConnectionsPerIP: connections(0),
      connectionRateLimitPerMinute: connections(0),
      logger: { good: [logger], bad: [{}, noop, { ...logger, warn: 1 }] },
      metrics: { good: [true, false, {}], bad: [1, 'on'] },
    },
  },
  defaults: {
    config: (defaults) => withOption({ defaults }),
    options: {
      target: { good: [target], bad: [{ host: 'a' }, 'a:1'] },
      security: { good: [security], bad: [[]] },
      tls: { good: [tls], bad: [true, {}] },
    },
  },
  metrics: {
    config: (metrics) => withOption({ metrics }),
    options: {
      sampleIntervalMs: { good: [100, 3_600_000], bad: [9, 3_600_001, 10.5] },
      retentionSeconds: { good: [1, 86_400], bad: [0, 31_536_001, 1.5] },
    },
  },
  route: {
    config: withRoute,
    options: {
      name: labels,
      id: labels,
      description: { good: ['', 'two\nlines'], bad: [7] },
      tags: { good: [[], ['a']], bad: ['a', [1]] },
      enabled: flags,
      priority: { good: [-1_000_000, 0, 7], bad: [0.5, '1', 1_000_001] },
      match: { good: [{ ports: 1 }], bad: [{}, 443, null] },
      action: { good: [{ type: 'block' }], bad: [{}, 'block', { type: 'drop' }] },
      security: { good: [{}, security], bad: [null, []] },
      timeouts: { good: [{}, { stallTimeout: 1 }], bad: [5, { initialDataTimeout: 5 }] },
    },
  },
  timeouts: { config: (part) => withRoute({ timeouts: part }), options: timeouts },
  match: {
    config: withMatch,
    options: {
      ports: portRanges,
      listenAddress: listenAddresses,
      transport: { good: ['tcp'], bad: ['udp', 'all', 'sctp'] },
      domains: {
        good: ['a.com', ['*.a.com', 'a.*', '*.a.*', '*.a*', '*', 'A.COM.', 'bücher.example', 'a?.com', 'x[0-9].com']],
        bad: ['', [], '1.2.3.4', '::1', '{a,b}.com', '!a.com', '+(a).com', 'a b.com', 'a..com', 'a.com:443', 7],
      },
      clientIp: { good: addresses.good, bad: [...addresses.bad, []] },
      tlsVersion: { good: [['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3']], bad: ['TLSv1.3', ['TLSv1.4'], []] },
      alpn: { good: [['h2', 'http/1.1']], bad: ['h2', [''], ['x'.repeat(256)], ['a b'], []] },
      ja4: {
        good: [['t13d1516h2_8daaf6152771_e5627efa2ab1']],
        bad: [['q13d1516h2_8daaf6152771_e5627efa2ab1'], ['x'], []],
      },
      protocol: { good: ['tls', 'http', 'other'], bad: ['ssh', null] },
    },
  },
  'port span': {
    config: (part) => withMatch({ ports: { from: 5, to: 9, ...part } }),
    options: { from: { good: [1, 9], bad: [0, 10, '5'] }, to: { good: [5, 65_535], bad: [4, 65_536, null] } },
  },
  'forward action': {
    config: withAction,
    options: {
      type: { good: ['forward'], bad: ['redirect', 'http-handler', 'respond', 7] },
      target: { good: [target], bad: ['a:1', null] },
      targets: { good: [], bad: [[], target, [{ host: 'a' }]] },
      tls: { good: [tls], bad: [true] },
      loadBalancing: { good: [{}], bad: ['round-robin'] },
      healthCheck: { good: [{}], bad: [true] },
      sendProxyProtocol: proxyHeader,
      security: { good: [security], bad: [null] },
    },
  },
  'socket-handler action': {
    config: withHandler,
    options: {
      type: { good: ['socket-handler'], bad: ['socket'] },
      socketHandler: { good: [noop, async () => {}], bad: ['echo', {}, null] },
      tls: { good: [tls], bad: [7] },
      security: { good: [security], bad: [7] },
    },
  },
  'block action': {
    config: withBlock,
    options: {
      type: { good: ['block'], bad: ['Block'] },
      tls: { good: [tls], bad: [7] },
      security: { good: [security], bad: [7] },
    },
  },
  target: {
    config: (target) => withTarget({ match: { ports: 443 }, ...target }),
    options: {
      host: {
        good: [
          'a.test',
          'localhost',
          'my_db',
          '10.0.0.1',
          '::1',
          '[::1]',
          'fe80::1%eth0',
          ['a.test', '10.0.0.2'],
          () => 'a',
        ],
        bad: ['', [], '010.0.0.1', '127.1', 'a b', 'a.test:80', 'http://a.test', '[::1', ['a', 7], 7],
      },
      port: { good: [1, 65_535, 'preserve', () => 80], bad: [0, 65_536, '80', 'same', 1.5] },
      match: { good: [{}, { ports: 443 }], bad: [443, { path: '/' }] },
      priority: { good: [-5, 5], bad: [1.5] },
      weight: { good: [1, 1000], bad: [0, 1001, 1.5] },
      backup: flags,
      sendProxyProtocol: proxyHeader,
    },
  },
  'target match': { config: (match) => withTarget({ match }), options: { ports: portRanges } },
  loadBalancing: {
    config: (loadBalancing) => withAction({ loadBalancing: { algorithm: 'consistent-hash', ...loadBalancing } }),
    options: {
      algorithm: {
        good: ['round-robin', 'least-connections', 'ip-hash', 'random-two-choices', 'consistent-hash'],
        bad: ['random', 1],
      },
      key: { good: ['ip'], bad: ['header', 'cookie', 'path', 'name'] },
    },
  },
  healthCheck: {
    config: (healthCheck) => withAction({ healthCheck }),
    options: {
      interval: milliseconds(0),
      timeout: milliseconds(1),
      healthyThreshold: { good: [1, 1000], bad: [0, 1001] },
      unhealthyThreshold: { good: [1, 1000], bad: [0, 1001] },
      passive: { good: [false, {}, { failures: 5 }], bad: [true, 0] },
    },
  },
  passive: {
    config: (passive) => withAction({ healthCheck: { passive } }),
    options: {
      failures: { good: [1, 1000], bad: [0, 1001] },
      ejectTime: { good: [1, 300_000], bad: [0, 300_001, '5'] },
      maxEjectTime: { good: [10_000, 315_360_000_000], bad: [9999, 0] },
    },
  },
  tls: {
    config: (part) => withAction({ tls: part }),
    options: { mode: { good: ['passthrough'], bad: ['terminate', 'terminate-and-reencrypt', 'none'] } },
  },
  security: {
    config: (part) => withRoute({ security: part }),
    options: {
      ipAllowList: { good: addresses.good, bad: [...addresses.bad, []] },
      ipBlockList: { good: [...addresses.good, []], bad: addresses.bad },
      maxConnections: connections(1),
    },
  },
};

const proxied = { routes: [], acceptProxyProtocol: true, proxyIPs: ['10.0.0.1'] };

tap.test('every option has values that are tried here', () => {
  for (const [place, keys] of knownOptions) {
    expect(Object.keys(cases[place]?.options ?? {}).sort()).toEqual([...keys].sort());
  }
});

for (const [place, { config, options }] of Object.entries(cases)) {
  tap.test(`the options of ${place} take what they should and nothing else`, () => {
    for (const [option, { good, bad }] of Object.entries(options)) {
      for (const value of good) {
        const paths = faultPaths(config({ [option]: value }));
        if (paths.length > 0) throw new Error(`${place}.${option}: refused ${String(value)} at ${paths}`);
      }
      expect(bad.length).toBeGreaterThan(0);
      for (const value of bad) {
        const paths = faultPaths(config({ [option]: value }));
        const named = paths.some((path) => path.includes(option) || place === 'port span' || place === 'passive');
        if (!named) throw new Error(`${place}.${option}: ${JSON.stringify(value)} gave faults at [${paths}]`);
      }
    }
  });

  tap.test(`an option of ${place} that is undefined counts as left out`, () => {
    const required = [
      'routes',
      'match',
      'action',
      'ports',
      'from',
      'to',
      'type',
      'host',
      'port',
      'mode',
      'socketHandler',
    ];
    for (const option of Object.keys(options)) {
      if (required.includes(option)) continue;
      if (place === 'options' && (option === 'proxyIPs' || option === 'acceptProxyProtocol')) continue;
      if (place === 'forward action' && option === 'target') continue;
      const base = place === 'tls' ? { mode: 'passthrough' } : {};
      expect(faultPaths(config({ ...base, [option]: undefined }))).toEqual([]);
    }
  });

  tap.test(`${place} takes no unknown option`, () => {
    const path = faultPaths(config({ surprise: 1 })).find((each) => each.endsWith('surprise'));
    expect(path).not.toBeUndefined();
  });
}

export default tap.start();
