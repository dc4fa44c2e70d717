// Rules for header fields as the code reads them.

import { compressionDefaults, corsDefaults, corsMethods, hstsDefaults } from './defaults.js';
import { deepFreeze } from './freeze.js';
import type { IResolvedCors, IResolvedHeaderRule, IResolvedHeaders, IResolvedPair } from './resolved.js';
import { normaliseOrigin } from './schema-text.js';
import { parseTemplate } from './template.js';
import type { ICompression, ICors, IHsts, IRouteConfig, IRouteHeaders, THeaderRules } from './types.js';
import { type TComplete, withDefaults } from './with-defaults.js';

const none: readonly IResolvedHeaderRule[] = Object.freeze([]);

export function resolveRules(rules: THeaderRules | undefined): readonly IResolvedHeaderRule[] {
  if (rules === undefined) return none;
  const resolved = Object.entries(rules).map(([name, value]) => ({
    name: name.toLowerCase(),
    template: value === null ? null : parseTemplate(value),
  }));
  return deepFreeze(resolved);
}

/** null if there are no rules. `methods`: those that the route matches. */
export function resolveHeaders(
  headers: IRouteHeaders | undefined,
  methods: readonly string[] | null,
): IResolvedHeaders | null {
  if (headers === undefined) return null;
  const request = resolveRules(headers.request);
  const response = resolveRules(headers.response);
  const cors = corsOf(headers.cors, methods);
  const hsts = hstsOf(headers.hsts);
  if (request.length === 0 && response.length === 0 && cors === null && hsts === null) return null;
  return deepFreeze({ request, response, cors, hsts });
}

function corsOf(given: boolean | ICors | undefined, methods: readonly string[] | null): IResolvedCors | null {
  if (given === undefined || given === false) return null;
  const cors = given === true ? {} : given;
  const origins = listOf(cors.allowOrigin ?? corsDefaults.allowOrigin);
  return {
    origins: origins.includes('*') ? null : [...new Set(origins.map((origin) => normaliseOrigin(origin) ?? origin))],
    methods: [...new Set((cors.allowMethods ?? methods ?? corsMethods).map((method) => method.toUpperCase()))],
    headers: cors.allowHeaders === undefined ? null : lowerCase(cors.allowHeaders),
    exposed: lowerCase(cors.exposeHeaders ?? []),
    credentials: cors.allowCredentials ?? corsDefaults.allowCredentials,
    maxAgeSeconds: cors.maxAge ?? corsDefaults.maxAge,
  };
}

const lowerCase = (names: readonly string[]): readonly string[] => [
  ...new Set(names.map((name) => name.toLowerCase())),
];

export const listOf = <T extends string | number>(given: T | readonly T[]): readonly T[] =>
  typeof given === 'object' ? given : [given];

/** RFC 6797 §6.1. */
function hstsOf(given: boolean | IHsts | undefined): string | null {
  if (given === undefined || given === false) return null;
  const { maxAge, includeSubDomains, preload } = withDefaults(hstsDefaults, given === true ? {} : given);
  return `max-age=${maxAge}${includeSubDomains ? '; includeSubDomains' : ''}${preload ? '; preload' : ''}`;
}

/** null: none. */
export function resolveCompression(given: IRouteConfig['compression']): TComplete<ICompression> | null {
  if (given === undefined || given === false) return null;
  const merged = withDefaults(compressionDefaults, given === true ? {} : given);
  return deepFreeze({
    algorithms: [...new Set(merged.algorithms)],
    minBytes: merged.minBytes,
    types: lowerCase(merged.types),
  });
}

type TPairs = Readonly<Record<string, string | RegExp>>;

/** Fields (`lower`: names without case) or parameters that a request must have; null: none. */
export function resolvePairs(pairs: TPairs | undefined, lower: boolean): readonly IResolvedPair[] | null {
  if (pairs === undefined) return null;
  const resolved = Object.entries(pairs).map(([name, want]) => ({
    name: lower ? name.toLowerCase() : name,
    want: typeof want === 'string' ? want : withoutPlace(want),
  }));
  return deepFreeze(resolved.sort((a, b) => (a.name < b.name ? -1 : 1)));
}

/** With `g` each test would begin where the last one ended. */
const withoutPlace = (pattern: RegExp): RegExp =>
  pattern.global ? new RegExp(pattern.source, pattern.flags.replace('g', '')) : pattern;

/** In upper case, each once; null: any. */
export const resolveMethods = (method: string | readonly string[] | undefined): readonly string[] | null =>
  method === undefined ? null : Object.freeze([...new Set(listOf(method).map((each) => each.toUpperCase()))]);
