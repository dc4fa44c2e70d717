// Which targets of a route serve a port: those with `matchPorts` before those without.

import type { IResolvedTarget } from '../../config/resolved.js';
import type { IPortSpan } from '../../config/types.js';
import { isAsked } from './target-places.js';

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

/** The tier for a port; null if no target fits. */
export function tierFor(targets: readonly IResolvedTarget[], port: number): ITier | null {
  const fitting = targets.filter(({ matchPorts }) => matchPorts !== null && includes(matchPorts, port));
  if (fitting.length === 0) return tierOf(targets, (target) => target.matchPorts === null);
  const highest = fitting.reduce((most, { priority }) => Math.max(most, priority), Number.NEGATIVE_INFINITY);
  return tierOf(targets, (target) => target.priority === highest && fitting.includes(target));
}

function tierOf(all: readonly IResolvedTarget[], belongs: (target: IResolvedTarget) => boolean): ITier | null {
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
