// Which targets of a route serve a port and a request: those that match something before those that match anything.

import { fieldValue } from '../../codec/http-message.js';
import type { IResolvedTarget } from '../../config/resolved.js';
import type { IPortSpan } from '../../config/types.js';
import { isAsked } from './target-places.js';
import type { IPickRequest } from './target-types.js';

/** Compiles a path that a target matches. smart-proxy.ts introduces the compiler of routes' paths. */
export type TCompilePath = (path: string) => { test(path: string): boolean };

/** Whether a target takes a request; null: it takes any, and connections that are not HTTP. */
export type TRequestTest = ((request: IPickRequest) => boolean) | null;

/** Targets that serve the same ports and are balanced among each other. */
export interface ITier {
  /** Their places in the route's list. */
  readonly key: string;
  readonly targets: readonly IResolvedTarget[];
  /** A function says where one of them leads. */
  readonly asked: boolean;
  /** One of them takes the client's port. */
  readonly byPort: boolean;
}

/** Ports of a route whose `'preserve'` targets are known from the start; more become known when they are used. */
const maxKnownPorts = 64;

const includes = (spans: readonly IPortSpan[], port: number): boolean =>
  spans.some(({ from, to }) => port >= from && port <= to);

/** What a target asks of a request, compiled. */
export function compileRequestTest({ matchRequest }: IResolvedTarget, compilePath: TCompilePath): TRequestTest {
  if (matchRequest === null) return null;
  const { path, method, headers } = matchRequest;
  const pattern = path === null ? null : compilePath(path);
  return (request) => {
    if (method !== null && !method.includes(request.method)) return false;
    if (pattern !== null && !pattern.test(request.path)) return false;
    if (headers === null) return true;
    return headers.every(({ name, want }) => {
      const value = fieldValue(request.fields, name);
      return value !== null && (typeof want === 'string' ? value === want : want.test(value));
    });
  };
}

/** Whether a target matches nothing in particular. */
export const isFallback = ({ matchPorts, matchRequest }: IResolvedTarget): boolean =>
  matchPorts === null && matchRequest === null;

/**
 * The tier for a port; null if no target fits. `takes` says whether a target with `matchRequest` takes the request; without
 * one, none does.
 */
export function tierFor(
  targets: readonly IResolvedTarget[],
  port: number,
  takes: (target: IResolvedTarget) => boolean = () => false,
): ITier | null {
  const fitting = targets.filter(
    (target) =>
      !isFallback(target) &&
      (target.matchPorts === null || includes(target.matchPorts, port)) &&
      (target.matchRequest === null || takes(target)),
  );
  if (fitting.length === 0) return tierOf(targets, isFallback);
  const highest = fitting.reduce((most, { priority }) => Math.max(most, priority), Number.NEGATIVE_INFINITY);
  return tierOf(targets, (target) => target.priority === highest && fitting.includes(target));
}

/** Those of `all` that belong to it; null if none does. */
export function tierOf(all: readonly IResolvedTarget[], belongs: (target: IResolvedTarget) => boolean): ITier | null {
  const targets = all.filter(belongs);
  if (targets.length === 0) return null;
  return {
    key: targets.map((target) => all.indexOf(target)).join(','),
    targets,
    asked: targets.some(isAsked),
    byPort: targets.some(({ port }) => port === 'preserve'),
  };
}

/** Ports of `spans` among which every tier of the route occurs; all ports if they are few. */
export function samplePorts(spans: readonly IPortSpan[], targets: readonly IResolvedTarget[]): ReadonlySet<number> {
  const ports = new Set<number>();
  const count = spans.reduce((sum, { from, to }) => sum + to - from + 1, 0);
  for (const { from, to } of spans) {
    ports.add(from);
    if (count <= maxKnownPorts) for (let port = from; port <= to; port++) ports.add(port);
  }
  // A tier can change only where a target's span begins or has just ended.
  for (const { from, to } of targets.flatMap(({ matchPorts }) => matchPorts ?? [])) {
    if (includes(spans, from)) ports.add(from);
    if (includes(spans, to + 1)) ports.add(to + 1);
  }
  return ports;
}
