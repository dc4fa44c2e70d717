// What a route asks of a connection, one object a criterion: the objects that decide are those that explain.

import type { IResolvedMatch } from '../../config/resolved.js';
import type { TProtocol } from '../../config/types.js';
import type { IConnectionFacts, TPeekNeed } from '../stages.js';
import type { IHostPattern } from './host-pattern.js';

export interface ICriterion<F extends IConnectionFacts = IConnectionFacts> {
  /** Its name in `match`; `tls` is the action's. */
  readonly name: TCriterionName;
  /** What must be read of a connection before it can be judged. */
  readonly need: TPeekNeed;
  /** What is asked for, for people. */
  readonly want: string;
  test(facts: F): boolean;
  /** What the connection or the request has, for people. */
  got(facts: F): string;
}

export type TCriterionName =
  | 'domains'
  | 'clientIp'
  | 'tlsVersion'
  | 'alpn'
  | 'ja4'
  | 'protocol'
  | 'tls'
  | 'path'
  | 'method'
  | 'headers'
  | 'query';

/** Domains, of which there may be very many routes: one object each and no closures. */
export class DomainCriterion implements ICriterion {
  readonly #patterns: readonly IHostPattern[];

  constructor(patterns: readonly IHostPattern[]) {
    this.#patterns = patterns;
  }

  get name() {
    return 'domains' as const;
  }

  get need() {
    return 'client-hello' as const;
  }

  get want(): string {
    return list(this.#patterns.map(({ text }) => text));
  }

  test({ domain }: IConnectionFacts): boolean {
    return domain !== null && this.#patterns.some((pattern) => pattern.test(domain));
  }

  got({ domain }: IConnectionFacts): string {
    return shorten(domain ?? 'no name');
  }
}

/**
 * All criteria of a connection but the domains, cheapest first. Their number counts for the order of routes. A route that
 * terminates TLS asks for TLS; its `protocol` is about what is inside.
 */
export function otherCriteria(match: IResolvedMatch, terminates = false): readonly ICriterion[] {
  const protocol = terminates ? 'tls' : match.protocol;
  const byProtocol = protocol === null ? none : protocolCriteria[protocol];
  return withHelloCriteria(byProtocol, match);
}

/** The same for a request: that it is HTTP is known by then, and that a route asks for it counts all the same. */
export function connectionCriteriaOfRequests(match: IResolvedMatch): readonly ICriterion[] {
  return withHelloCriteria(match.protocol === null ? none : isHttp, match);
}

function withHelloCriteria(first: readonly ICriterion[], match: IResolvedMatch): readonly ICriterion[] {
  const { tlsVersion, alpn, clientIp, ja4 } = match;
  // The usual case by far, of which thousands then share one list.
  if (tlsVersion === null && alpn === null && clientIp === null && ja4 === null) return first;
  const more = [tlsVersionCriterion(match), alpnCriterion(match), clientIpCriterion(match), ja4Criterion(match)];
  return [...first, ...more.filter((criterion) => criterion !== null)];
}

const none: readonly ICriterion[] = [];

export const protocolCriteria: Readonly<Record<TProtocol, readonly ICriterion[]>> = {
  tls: [protocolCriterion('tls')],
  http: [protocolCriterion('http')],
  other: [protocolCriterion('other')],
};

const isHttp: readonly ICriterion[] = [
  { name: 'protocol', need: 'first-bytes', want: 'http', test: () => true, got: () => 'http' },
];

function protocolCriterion(want: TProtocol): ICriterion {
  return {
    name: 'protocol',
    need: 'first-bytes',
    want,
    test: ({ protocol }) => protocol === want,
    got: ({ protocol }) => protocol ?? 'not looked at',
  };
}

function tlsVersionCriterion({ tlsVersion: want }: IResolvedMatch): ICriterion | null {
  if (want === null) return null;
  return {
    name: 'tlsVersion',
    need: 'client-hello',
    want: list(want),
    test: ({ tlsVersion }) => tlsVersion !== null && want.includes(tlsVersion),
    got: ({ tlsVersion }) => tlsVersion ?? 'none',
  };
}

function alpnCriterion({ alpn: want }: IResolvedMatch): ICriterion | null {
  if (want === null) return null;
  return {
    name: 'alpn',
    need: 'client-hello',
    want: list(want),
    test({ alpn }) {
      for (const offered of alpn) if (want.includes(offered)) return true;
      return false;
    },
    got: ({ alpn }) => (alpn.length === 0 ? 'none' : shorten(alpn.join(', '))),
  };
}

function clientIpCriterion({ clientIp: want }: IResolvedMatch): ICriterion | null {
  if (want === null) return null;
  return {
    name: 'clientIp',
    need: 'nothing',
    want: list(want.patterns),
    test: ({ clientIp }) => want.matches(clientIp),
    got: ({ clientIp }) => clientIp || 'unknown',
  };
}

function ja4Criterion({ ja4: want }: IResolvedMatch): ICriterion | null {
  if (want === null) return null;
  return {
    name: 'ja4',
    need: 'client-hello',
    want: list(want),
    test: ({ hello }) => hello !== null && want.includes(hello.ja4),
    got: ({ hello }) => hello?.ja4 ?? 'none',
  };
}

/** Long lists are for reading in the configuration, not in a trace. */
const shownItems = 8;
export const list = (items: readonly string[]): string =>
  items.length > shownItems
    ? `${items.slice(0, shownItems).join(', ')} and ${items.length - shownItems} more`
    : items.join(', ');

const shownChars = 80;
export const shorten = (text: string): string => (text.length > shownChars ? `${text.slice(0, shownChars)}...` : text);
