// Where the requests of a configuration come in: by which port, with which host and path, past what.

import type { IRouteConfig, IRouteSecurity, ISmartProxyOptions, TPortRange } from '../index.js';

/** What stands for all requests that come by a port in the same way. */
export interface IEntrance {
  readonly port: number;
  readonly isTls: boolean;
  readonly host: string;
  readonly path: string;
  /** Credentials, where no route is open to anybody. */
  readonly headers: Readonly<Record<string, string>>;
  /** Paths of this host that are not for anybody. */
  readonly protectedPaths: readonly string[];
}

/** In the order of the configuration; ports that take no requests are left out. */
export function entrancesOf(options: ISmartProxyOptions): readonly IEntrance[] {
  const routes = options.routes.filter((route) => route.enabled !== false && !isOfKernel(route));
  const ports = new Set(routes.flatMap(({ match }) => portsOf(match.ports)));
  return [...ports].flatMap((port) => {
    const here = routes.filter(({ match }) => portsOf(match.ports).includes(port));
    return [false, true].flatMap((isTls) => {
      const own = here.filter(
        (route) => isTerminated(route, options) === isTls && takesRequests(route, port, here, options),
      );
      return entranceOf(own, port, isTls, options) ?? [];
    });
  });
}

function entranceOf(
  routes: readonly IRouteConfig[],
  port: number,
  isTls: boolean,
  options: ISmartProxyOptions,
): IEntrance | null {
  const usable = routes.filter(isReachable);
  const isOpen = (route: IRouteConfig) => guardsOf(route, options).length === 0 && route.action.type !== 'block';
  const open = usable.find((route) => isOpen(route) && route.action.type === 'forward') ?? usable.find(isOpen);
  const excluding = usable.find((route) => excludedPath(route, options) !== null);
  const chosen = open ?? excluding ?? usable.find((route) => credentialsOf(route, options) !== null);
  if (chosen === undefined) return null;
  const excluded = chosen === open ? null : excludedPath(chosen, options);
  const host = hostOf(chosen);
  const isSameHost = ({ match: { domains } }: IRouteConfig) =>
    domains === undefined || JSON.stringify(domains) === JSON.stringify(chosen.match.domains);
  const guarded = routes.filter((route) => route !== chosen && isSameHost(route) && !isOpen(route));
  const paths = guarded.flatMap(({ match: { path } }) =>
    path === undefined || path === '/*' ? [] : [samplePath(path)],
  );
  if (excluded !== null) paths.push(samplePath(chosen.match.path ?? '/*').replace(/\/$/, '/kept/secret'));
  const authorization = open === undefined && excluded === null ? credentialsOf(chosen, options) : null;
  return {
    ...{ port, isTls, host, path: samplePath(excluded ?? chosen.match.path ?? '/') },
    headers: authorization === null ? {} : { Authorization: authorization },
    protectedPaths: [...new Set(paths)],
  };
}

/** Each port by itself; of a span, its first stands for all. */
export function portsOf(range: TPortRange): number[] {
  const list = Array.isArray(range) ? (range as readonly (number | { readonly from: number })[]) : [range];
  return list.map((entry) => (typeof entry === 'number' ? entry : (entry as { readonly from: number }).from));
}

/** The kernel forwards it, and reads no requests. */
export const isOfKernel = ({ action }: IRouteConfig): boolean =>
  action.type === 'forward' && action.forwardingEngine === 'nftables';

function isTerminated({ action }: IRouteConfig, { defaults }: ISmartProxyOptions): boolean {
  const mode = action.tls?.mode ?? defaults?.tls?.mode;
  return mode !== undefined && mode !== 'passthrough';
}

/** Bytes are forwarded unread where no route of a port asks for anything that only requests have. */
function takesRequests(
  { action, match }: IRouteConfig,
  port: number,
  here: readonly IRouteConfig[],
  { useHttpProxy = [] }: ISmartProxyOptions,
): boolean {
  if (action.type === 'socket-handler' || match.protocol === 'other' || match.protocol === 'tls') return false;
  if (action.tls?.mode === 'passthrough') return false;
  return action.tls !== undefined || useHttpProxy.includes(port) || here.some(hasWishes);
}

const hasWishes = ({ match, action, headers, compression, security }: IRouteConfig): boolean =>
  [match.domains, match.path, match.method, match.headers, match.query, headers, compression].some(
    (given) => given !== undefined,
  ) ||
  match.protocol === 'http' ||
  ['http-handler', 'redirect', 'respond'].includes(action.type) ||
  security?.authentication !== undefined;

/** By an ordinary GET from this machine, without client certificates. */
function isReachable({ match, action }: IRouteConfig): boolean {
  const methods = match.method === undefined ? [] : [match.method].flat();
  const isPicky = [match.headers, match.query, match.clientIp, match.ja4].some((given) => given !== undefined);
  return !isPicky && (methods.length === 0 || methods.includes('GET')) && action.tls?.clientAuth?.mode !== 'require';
}

/** The names of what keeps clients out. */
function guardsOf({ security, action }: IRouteConfig, { defaults }: ISmartProxyOptions): string[] {
  const all = [security, action.security, defaults?.security];
  return all.flatMap((each) => Object.keys(each ?? {}).filter((name) => guards.has(name)));
}

const guards: ReadonlySet<string> = new Set([
  ...['ipAllowList', 'ipBlockList', 'authentication', 'basicAuth', 'jwtAuth', 'forwardAuth'],
]);

/** Of Basic authentication in plain text, where nothing else keeps clients out. */
function credentialsOf(route: IRouteConfig, options: ISmartProxyOptions): string | null {
  if (guardsOf(route, options).some((name) => name !== 'authentication')) return null;
  const securities: readonly (IRouteSecurity | undefined)[] = [
    route.security,
    route.action.security,
    options.defaults?.security,
  ];
  const [first, ...others] = securities.flatMap((each) => each?.authentication ?? []);
  const credential = first?.credentials[0];
  if (credential === undefined || others.length > 0) return null;
  return `Basic ${Buffer.from(`${credential.username}:${credential.password}`).toString('base64')}`;
}

/** A pattern of paths that need no credentials, where nothing else keeps clients out; null: there is none. */
function excludedPath(route: IRouteConfig, options: ISmartProxyOptions): string | null {
  const names = guardsOf(route, options);
  const { security } = route;
  if (names.length !== 1 || security === undefined) return null;
  const [first] = (security.basicAuth ?? security.jwtAuth)?.excludePaths ?? [];
  return first ?? null;
}

/** A name that the pattern stands for. */
function hostOf({ match: { domains } }: IRouteConfig): string {
  const [first] = domains === undefined ? [] : [domains].flat();
  if (first === undefined) return 'localhost';
  const sample = first.replace(/^\*$/, 'a.test').replace(/\.\*$/, '.test').replace(/\*/g, 'x');
  return sample.replaceAll('?', 'x');
}

/** A path that the pattern stands for. */
const samplePath = (pattern: string): string =>
  pattern
    .replace(/\/\*$/, pattern === '/*' ? '/' : '/secret')
    .replace(/:[^/]+/g, '1')
    .replace(/\*+/g, 'x');
