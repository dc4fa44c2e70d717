// A configuration is attacked as it stands, but for its ports, its targets and what would keep the attacker from trying.

import { attackConfiguration, entrancesOf, type IAttackReport } from '../../ts/attack.js';
import type { IRouteConfig, ISmartProxyOptions } from '../../ts/index.js';
import { makeCertificate } from '../helpers/certificates.js';
import { expect, tap } from '../helpers/tapbundle.js';

const caseMs = 15_000;
const target = { host: '192.0.2.1', port: 8_080 };

const route = (match: Partial<IRouteConfig['match']>, more: Partial<IRouteConfig> = {}): IRouteConfig => ({
  match: { ports: 80, ...match },
  action: { type: 'forward', target },
  ...more,
});

const closed = (match: Partial<IRouteConfig['match']>): IRouteConfig =>
  route(match, { security: { ipAllowList: ['192.0.2.0/24'] } });

const signed = (match: Partial<IRouteConfig['match']>): IRouteConfig =>
  route(match, { security: { authentication: { type: 'basic', credentials: [{ username: 'a', password: 'b:c' }] } } });

tap.test('entrances are the ports that take requests, each with a host and a path that are served', () => {
  const routes = [
    route({ domains: ['*.a.test', 'b.test'], path: '/api/*' }),
    closed({ domains: ['*.a.test', 'b.test'], path: '/api/admin/:id' }),
    closed({ domains: 'c.test', path: '/elsewhere' }),
    route({ ports: [{ from: 8_000, to: 8_010 }, 81], domains: '*' }),
    signed({ ports: 82, domains: 'd.*', path: '/x' }),
    closed({ ports: 83, path: '/*' }),
    route({ ports: 84 }),
    route({ ports: 85 }),
    route({ ports: 86, path: '/off' }, { enabled: false }),
  ];
  const plain = { isTls: false, headers: {}, protectedPaths: [] };
  expect(entrancesOf({ routes, useHttpProxy: [85] })).toEqual([
    { ...plain, port: 80, host: 'x.a.test', path: '/api/secret', protectedPaths: ['/api/admin/1'] },
    { ...plain, port: 8_000, host: 'a.test', path: '/' },
    { ...plain, port: 81, host: 'a.test', path: '/' },
    { ...plain, port: 82, host: 'd.test', path: '/x', headers: { Authorization: 'Basic YTpiOmM=' } },
    { ...plain, port: 85, host: 'localhost', path: '/' },
  ]);
});

tap.test('bytes, passthrough and routes of the kernel are not attacked', async () => {
  const passed = { type: 'forward', target, tls: { mode: 'passthrough' } } as const;
  const kernel = { type: 'forward', target, forwardingEngine: 'nftables' } as const;
  const routes = [
    route({}),
    route({ ports: 443, domains: 'a.test' }, { action: passed }),
    route({ ports: 53 }, { action: kernel }),
    route({ ports: 23 }, { action: { type: 'socket-handler', socketHandler: (socket) => void socket.end() } }),
  ];
  expect(entrancesOf({ routes })).toEqual([]);
  expect(await attackConfiguration({ routes })).toEqual([]);
});

const told = ({ findings }: IAttackReport): string[] => findings.map(({ name, why }) => `${name}: ${why}`);

tap.test(
  'each entrance is attacked in front of a target that records, past limits and headers for others',
  async () => {
    const options: ISmartProxyOptions = {
      listenAddress: '192.0.2.7',
      acceptProxyProtocol: true,
      proxyIPs: ['127.0.0.1'],
      trustedProxies: ['127.0.0.0/8'],
      denyPrivateTargets: true,
      maxConnectionsPerIP: 1,
      connectionRateLimitPerMinute: 2,
      sendProxyProtocol: 2,
      routes: [
        route(
          { domains: 'a.test' },
          { action: { type: 'forward', targets: [target, target], healthCheck: { path: '/' } } },
        ),
        signed({ domains: 'a.test', path: '/admin/*' }),
        signed({ ports: 81, domains: 'b.test' }),
      ],
    };
    const [first, second, ...others] = await attackConfiguration(options, {
      families: ['framing', 'path', 'trust'],
      caseMs,
    });
    if (first === undefined || second === undefined) throw new Error('two reports');
    expect(others).toEqual([]);
    expect([first.target, second.target]).toEqual(['port 80: http://a.test/', 'port 81: http://b.test/']);
    expect([told(first), told(second)]).toEqual([[], []]);
    expect([first.isObserved, second.isObserved]).toEqual([true, true]);
    expect(first.notes.slice(0, 6)).toEqual([
      'without maxConnectionsPerIP',
      'without connectionRateLimitPerMinute',
      'without acceptProxyProtocol',
      'without proxyIPs',
      'without denyPrivateTargets',
      'without trustedProxies, which this machine is among: the attacker is a stranger',
    ]);
    expect(first.results.filter(({ family }) => family === 'path').length).toBeGreaterThan(25);
  },
);

tap.test('paths that need no credentials are the way in, and not the way to others', async () => {
  const basicAuth = { users: [{ username: 'a', password: 'b' }], excludePaths: ['/public/*'] };
  const routes = [route({ domains: 'a.test', path: '/*' }, { security: { basicAuth } })];
  const [entrance] = entrancesOf({ routes });
  expect([entrance?.path, entrance?.protectedPaths, entrance?.headers]).toEqual([
    '/public/secret',
    ['/kept/secret'],
    {},
  ]);
  const [report] = await attackConfiguration({ routes }, { families: ['path'], caseMs });
  if (report === undefined) throw new Error('a report');
  expect(told(report)).toEqual([]);
  expect(report.isObserved).toBeTrue();
  expect(report.results.map(({ sent }) => sent).filter((sent) => sent.includes('/public/..')).length).toBeGreaterThan(
    3,
  );
});

tap.test('TLS is attacked as TLS, and functions are called as they are', async () => {
  const { cert, key } = await makeCertificate({ names: ['a.test'] });
  const tls = { mode: 'terminate', certificate: { cert, key } } as const;
  const routes: IRouteConfig[] = [
    route({ ports: 443, domains: 'a.test' }, { action: { type: 'forward', target: { ...target, tls: true }, tls } }),
    route(
      { domains: 'a.test' },
      { action: { type: 'http-handler', httpHandler: (request) => new Response(request.url) } },
    ),
  ];
  const reports = await attackConfiguration({ routes }, { families: ['authority'], caseMs });
  expect(reports.map((report) => report.target)).toEqual(['port 443: https://a.test/', 'port 80: http://a.test/']);
  expect(reports.map(({ isObserved }) => isObserved)).toEqual([true, false]);
  expect(reports.flatMap(told)).toEqual([]);
  expect(reports[1]?.notes.at(-1)).toEqual('HTTP/2 is not spoken there, and was not tried');
});

export default tap.start();
