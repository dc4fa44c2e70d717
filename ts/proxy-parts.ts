// Makes the parts of a proxy and introduces them to each other. What happens to them, and when, is for smart-proxy.ts.

import type { EventEmitter } from 'node:events';
import { type IClock, systemClock } from './base/clock.js';
import { connectionsWithin, descriptorLimit, mostConnections } from './base/descriptor-limit.js';
import type { ProxyError } from './base/errors.js';
import { guardLogger, type ILogger, silentLogger } from './base/logger.js';
import { CertificateSide } from './certificate-side.js';
import type { IResolvedConfig } from './config/resolved.js';
import { ConnectionManager } from './flow/connection-manager.js';
import { makeProbe } from './flow/forward/health-check.js';
import { guardResolver } from './flow/forward/host-resolver.js';
import { Resolver } from './flow/forward/resolver.js';
import { TargetRegistry } from './flow/forward/target-registry.js';
import { Guard } from './flow/guard/guard.js';
import { Ports } from './flow/listen/ports.js';
import { compilePath } from './flow/match/path-pattern.js';
import { observersOf } from './flow/observer.js';
import { Pipeline } from './flow/pipeline.js';
import type { ISnapshot, TForwardParts } from './flow/snapshot.js';
import type { IHostParts } from './host-parts.js';
import { HttpFront } from './http/front.js';
import { KernelSide } from './kernel-side.js';
import { EventReporter } from './observe/events.js';
import { Metrics } from './observe/metrics.js';

export interface IProxyParts {
  readonly clock: IClock;
  readonly logger: ILogger;
  readonly reporter: EventReporter;
  readonly metrics: Metrics;
  readonly connections: ConnectionManager;
  readonly guard: Guard;
  readonly registry: TargetRegistry;
  readonly certificates: CertificateSide;
  readonly http: HttpFront;
  readonly pipeline: Pipeline;
  readonly ports: Ports;
  readonly kernel: KernelSide;
  /** Of what each configuration's snapshot is made besides. */
  readonly forward: TForwardParts;
  /** null: the host program's own is used. */
  readonly ownResolver: Resolver | null;
  /** Resolves once the other processes of a group have come as far. */
  readonly agreed: () => Promise<void>;
}

export interface IProxyPartsWish {
  readonly config: IResolvedConfig;
  readonly logger: ILogger | undefined;
  readonly host: IHostParts;
  /** Emits the events. */
  readonly emitter: EventEmitter;
  /** The configuration in force. */
  readonly snapshot: () => ISnapshot;
}

export function makeProxyParts({ config, host, emitter, snapshot, ...wish }: IProxyPartsWish): IProxyParts {
  const { clock = systemClock, idPrefix = '', listens = true, group } = host;
  const logger = wish.logger === undefined ? silentLogger : guardLogger(wish.logger);
  const reporter = new EventReporter(emitter, logger);
  const ownResolver = host.resolver === undefined ? new Resolver({ clock }) : null;
  const resolver = ownResolver ?? guardResolver(host.resolver as NonNullable<IHostParts['resolver']>);
  const kernel = new KernelSide({ clock, logger, names: resolver, reporter, idPrefix, part: group?.kernel });
  const live = () => connections;
  const metrics = new Metrics({ config: config.metrics, clock, live, kernel: kernel.source });
  kernel.metrics = metrics;
  const connections = new ConnectionManager({
    clock,
    logger,
    maxConnections: config.maxConnections ?? connectionsWithin(Number.MAX_SAFE_INTEGER),
    initialDataTimeoutMs: config.initialDataTimeoutMs,
    idPrefix,
    observers: [metrics, reporter],
  });
  const guard = new Guard({ config, clock, live, logger, rateLimits: host.rateLimits, counts: group?.counts });
  const registry = new TargetRegistry({
    clock,
    logger,
    probe: makeProbe({ resolver, denyPrivateTargets: config.denyPrivateTargets }),
    onDown: (target, why) => reporter.emit('target-down', target, why),
    onUp: (target) => reporter.emit('target-up', target),
    compilePath,
  });
  const onError = (error: ProxyError) => reporter.emit('error', error);
  const certificates = new CertificateSide({
    ...{ config: config.certificates, clock, logger, onError },
    onEvent: (event) => reporter.emit('certificate', event),
    ...{ relay: group?.challenges, ticketSecret: group?.ticketSecret },
  });
  const { contexts } = certificates;
  const { challenges } = certificates.managed;
  const shared = { connections, guard, logger };
  const http = new HttpFront({ ...shared, clock, requests: observersOf(metrics, reporter), challenges });
  const pipeline = new Pipeline({ ...shared, http, contexts, challenges, snapshot });
  const ports = new Ports({
    listenAddress: config.listenAddress,
    socket: config.socket,
    clock,
    listens,
    logger,
    group,
    onSocket: (socket, point, port) => pipeline.take(socket, point, port),
    onError: (error) => {
      connections.relieve();
      onError(error);
    },
  });
  const forward = { clock, logger, connections, resolver, pickerFor: registry.pickerFor.bind(registry) };
  group?.attach({
    live: () => connections.size,
    maxConnections: () => connections.maxConnections,
    limit: (maxConnections) => {
      connections.maxConnections = maxConnections;
    },
    metrics: () => metrics.exportMetrics(),
    fallsBack: () => kernel.fallsBack,
    serve: (socket, address, port) => !socket.destroyed && ports.passAt(socket, address, port),
    points: () => ports.points.map(({ address, port }) => ({ address: address ?? config.listenAddress, port })),
  });
  const own = { kernel, forward, ownResolver, certificates, agreed: group?.agreed ?? (async () => {}) };
  return { clock, logger, reporter, metrics, connections, guard, registry, http, pipeline, ports, ...own };
}

/** The system closes what it cannot accept without a word, to anybody: the proxy says no before that. */
export async function limitConnections({ connections, logger }: IProxyParts, wanted: number | null): Promise<void> {
  const descriptors = await descriptorLimit();
  const maxConnections = Math.min(wanted ?? connectionsWithin(descriptors), mostConnections(descriptors));
  connections.maxConnections = maxConnections;
  if (wanted === null || wanted <= maxConnections) return;
  logger.warn({ wanted, maxConnections, descriptors }, 'maxConnections is more than descriptors allow');
}
