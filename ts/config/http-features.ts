// What of a route only HTTP has: a route with any of it takes nothing else.

import type { TKey } from './faults.js';
import type { IForwardAction, IRouteConfig, ISmartProxyOptions, ITarget } from './types.js';

/** Options of `security` that judge requests. */
export const requestRules = [
  ...(['authentication', 'basicAuth', 'jwtAuth', 'forwardAuth'] as const),
  ...(['rateLimit', 'maxInFlight', 'maxBodyBytes'] as const),
] as const;

/** What must be valid for `httpFeatures` to read a route; its match must be an object. */
export const featurePlaces = [
  ...['headers', 'compression', 'action.type', 'action.target', 'action.targets', 'action.loadBalancing'],
  ...['action.backendProtocol', 'action.grpcWeb', 'action.urlRewrite', 'action.retry', 'action.circuitBreaker'],
  'action.websocket',
  ...requestRules.flatMap((name) => [`security.${name}`, `action.security.${name}`]),
];

/**
 * The places of what only HTTP has, relative to the route, but for what the defaults add, whose places begin with `defaults`; none
 * for most routes.
 */
export function httpFeatures(
  route: IRouteConfig,
  defaults: ISmartProxyOptions['defaults'],
): readonly (readonly TKey[])[] {
  const { match, action, headers, compression } = route;
  const found: TKey[][] = [];
  for (const name of requestCriteria) if (match[name] !== undefined) found.push(['match', name]);
  if (headers !== undefined && hasHeaderRules(headers)) found.push(['headers']);
  if (compression !== undefined && compression !== false) found.push(['compression']);
  for (const place of requestRulesOf(route, defaults)) found.push([...place]);
  if (action.type === 'forward') addForward(action, found);
  else if (answers.has(action.type)) found.push(['action', 'type']);
  return found.length === 0 ? none : found;
}

const none: readonly (readonly TKey[])[] = [];

/** What is judged once a request. */
export const requestCriteria = ['path', 'method', 'headers', 'query'] as const;

/** Where a route is given rules that judge its requests. */
export function requestRulesOf(
  { security, action }: Pick<IRouteConfig, 'security' | 'action'>,
  defaults: ISmartProxyOptions['defaults'],
): readonly (readonly TKey[])[] {
  const found: TKey[][] = [];
  for (const rule of requestRules) {
    if (security?.[rule] !== undefined) found.push(['security', rule]);
    if (action.security?.[rule] !== undefined) found.push(['action', 'security', rule]);
    if (defaults?.security?.[rule] !== undefined) found.push(['defaults', 'security', rule]);
  }
  return found.length === 0 ? none : found;
}

const answers: ReadonlySet<string> = new Set(['http-handler', 'redirect', 'respond']);

const hasHeaderRules = ({ request, response, cors, hsts }: NonNullable<IRouteConfig['headers']>): boolean =>
  hasKeys(request) ||
  hasKeys(response) ||
  (cors !== undefined && cors !== false) ||
  (hsts !== undefined && hsts !== false);

const hasKeys = (record: object | undefined): boolean => record !== undefined && Object.keys(record).length > 0;

function addForward(action: IForwardAction, found: TKey[][]): void {
  const { loadBalancing, circuitBreaker, target, targets, backendProtocol } = action;
  if (isAsked(backendProtocol)) found.push(['action', 'backendProtocol']);
  if (action.grpcWeb === true) found.push(['action', 'grpcWeb']);
  if (hasKeys(action.urlRewrite)) found.push(['action', 'urlRewrite']);
  if (hasKeys(action.retry)) found.push(['action', 'retry']);
  if (circuitBreaker !== undefined && circuitBreaker !== false) found.push(['action', 'circuitBreaker']);
  if (hasKeys(action.websocket)) found.push(['action', 'websocket']);
  if (loadBalancing !== undefined) {
    const { sticky, key } = loadBalancing;
    if (sticky !== undefined && sticky !== false) found.push(['action', 'loadBalancing', 'sticky']);
    if (key !== undefined && key !== 'ip') found.push(['action', 'loadBalancing', 'key']);
  }
  if (target !== undefined) addTarget(target, ['action', 'target'], found);
  targets?.forEach((each, index) => {
    addTarget(each, ['action', 'targets', index], found);
  });
}

/** HTTP/1 is what targets are spoken to in anyway. */
const isAsked = (version: ITarget['backendProtocol']): boolean => version !== undefined && version !== 'http1';

function addTarget({ match, headers, backendProtocol }: ITarget, place: readonly TKey[], found: TKey[][]): void {
  for (const name of ['path', 'method', 'headers'] as const) {
    if (match?.[name] !== undefined) found.push([...place, 'match', name]);
  }
  if (hasKeys(headers)) found.push([...place, 'headers']);
  if (isAsked(backendProtocol)) found.push([...place, 'backendProtocol']);
}
