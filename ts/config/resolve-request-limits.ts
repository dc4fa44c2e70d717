// The limits of a route that count requests, as the guard reads them.

import { rateLimitDefaults } from './defaults.js';
import type { IResolvedRateLimit, IResolvedRequestLimits } from './resolved.js';
import type { IRateLimit, IRouteConfig, IRouteSecurity } from './types.js';
import { withDefaults } from './with-defaults.js';

/**
 * Every rate applies that is given at one of the three places; of two numbers the smaller, and the one of `defaults` where the route
 * has none. null: nothing is limited.
 */
export function resolveRequestLimits(
  { security, action }: Pick<IRouteConfig, 'security' | 'action'>,
  defaults: IRouteSecurity | undefined,
): IResolvedRequestLimits | null {
  const places = { route: security, action: action.security, defaults };
  const rates = (['route', 'action', 'defaults'] as const).flatMap((place) => {
    const rate = places[place]?.rateLimit;
    return rate === undefined ? [] : [resolveRate(place, rate)];
  });
  const own = [security, action.security];
  const maxInFlight = least(own.map((given) => given?.maxInFlight)) ?? defaults?.maxInFlight ?? null;
  // No limit is the largest of them.
  const bytes = least(own.map((given) => (given?.maxBodyBytes === 0 ? unlimited : given?.maxBodyBytes)));
  const maxBodyBytes = (bytes === unlimited ? 0 : bytes) ?? defaults?.maxBodyBytes ?? null;
  if (rates.length === 0 && maxInFlight === null && maxBodyBytes === null) return null;
  return { maxInFlight, maxBodyBytes, rates };
}

const unlimited = Number.POSITIVE_INFINITY;

function least(numbers: readonly (number | undefined)[]): number | null {
  const given = numbers.filter((number) => number !== undefined);
  return given.length === 0 ? null : Math.min(...given);
}

function resolveRate(place: IResolvedRateLimit['place'], rate: IRateLimit): IResolvedRateLimit {
  const { maxRequests, window, keyBy, headerName = '', burst = null, ...rest } = rate;
  const { status, failOpen, storeTimeout } = withDefaults(rateLimitDefaults, rest);
  return {
    place,
    maxRequests,
    windowMs: window * 1000,
    keyBy,
    headerName: headerName.toLowerCase(),
    burst,
    status,
    failOpen,
    storeTimeoutMs: storeTimeout,
  };
}
