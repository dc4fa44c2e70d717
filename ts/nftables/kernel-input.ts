// From resolved routes to what rules are made of: names become addresses, lists become ranges, each route gets a number.

import { isPrivateAddress } from '../codec/address.js';
import { canBeTarget, kernelAddress, rangesOfSet } from '../config/kernel-addresses.js';
import { kernelRoutesOf } from '../config/kernel-order.js';
import { offsetOf } from '../config/port-mapper.js';
import type {
  IResolvedConfig,
  IResolvedForward,
  IResolvedLists,
  IResolvedRoute,
  IResolvedTarget,
} from '../config/resolved.js';
import * as plugins from '../plugins.js';
import { NftResourceError, NftValidationError } from './errors.js';
import { familiesOf, type IKernelRoute, type IKernelTarget, type TTargetPort } from './kernel-route.js';

/** Asked for the names of targets. */
export interface INames {
  resolve(host: string, signal?: AbortSignal): readonly string[] | Promise<readonly string[]>;
}

/** A route of the configuration that the kernel is to forward. */
export interface IKernelWish {
  readonly route: IResolvedRoute;
  readonly kernel: NonNullable<IResolvedRoute['kernel']>;
  readonly action: IResolvedForward;
}

/** In the order in which they are tried. */
export function wishesOf(config: Pick<IResolvedConfig, 'routes'>): IKernelWish[] {
  return kernelRoutesOf(config).flatMap((route) => {
    const { kernel, action } = route;
    return kernel !== null && action.type === 'forward' ? [{ route, kernel, action }] : [];
  });
}

export interface IInputParts {
  readonly config: Pick<IResolvedConfig, 'listenAddress' | 'denyPrivateTargets' | 'defaultLists'>;
  readonly names: INames;
  readonly signal: AbortSignal;
  numberOf(key: string): number;
}

/** @throws ProxyError TARGET_UNRESOLVED; NftValidationError where no address may be used */
export async function inputOf({ route, kernel, action }: IKernelWish, parts: IInputParts): Promise<IKernelRoute> {
  const { config } = parts;
  const lists = config.defaultLists === null ? route.security.lists : [config.defaultLists, ...route.security.lists];
  const listenAddress = route.match.listenAddress ?? config.listenAddress;
  const targets = await Promise.all(action.targets.map((target) => targetsOf(target, kernel.redirect, parts)));
  const made: IKernelRoute = {
    key: route.key,
    label: route.name ?? route.id ?? `${kernel.transports.join('+')} ${textOf(route)}`,
    number: parts.numberOf(route.key),
    transports: kernel.transports,
    ports: route.match.ports,
    listenAddress: listenAddress === null ? null : (kernelAddress(listenAddress) ?? listenAddress),
    clients: rangesOfSet(route.match.clientIp),
    lists: lists.map(({ allow, block }: IResolvedLists) => ({ allow: rangesOfSet(allow), block: rangesOfSet(block) })),
    maxConnections: route.security.maxConnections,
    targets: targets.flat(),
    balancing: action.algorithm === 'ip-hash' ? 'ip-hash' : 'round-robin',
    preserveSourceIP: kernel.preserveSourceIP,
    randomPorts: kernel.randomPorts,
    maxRateBytes: kernel.maxRateBytes,
    trafficPriority: kernel.trafficPriority,
    markPackets: kernel.markPackets,
    logPrefix: kernel.logPrefix,
    useSets: kernel.useSets,
    localClients: true,
  };
  if (made.targets.length === 0)
    throw new NftValidationError([
      `${route.key}: none of the addresses of its targets may be used (denyPrivateTargets: ${config.denyPrivateTargets})`,
    ]);
  if (familiesOf(made).length === 0)
    throw new NftValidationError([`${route.key}: no target has an address of the family of ${listenAddress}`]);
  return made;
}

const textOf = ({ match }: IResolvedRoute): string =>
  `port ${match.ports.map(({ from, to }) => (from === to ? from : `${from}-${to}`)).join(' ')}`.slice(0, 80);

async function targetsOf(target: IResolvedTarget, redirect: boolean, parts: IInputParts): Promise<IKernelTarget[]> {
  const { host, weight } = target;
  if (typeof host === 'function') throw new NftValidationError(['target: the kernel calls no function']);
  const port = portOf(target.port);
  if (redirect) return [{ address: null, port, weight }];
  const found = await Promise.all(host.map((name) => addressesOf(name, parts)));
  return found.flat().map((address) => ({ address, port, weight }));
}

function portOf(port: IResolvedTarget['port']): TTargetPort {
  if (typeof port !== 'function') return port;
  const offset = offsetOf(port);
  if (offset === undefined) throw new NftValidationError(['target.port: the kernel calls no function']);
  return { offset };
}

/** Of a name the first address of each family: the one that this process would dial first. */
async function addressesOf(host: string, { names, signal, config }: IInputParts): Promise<string[]> {
  const isAddress = plugins.net.isIP(host) !== 0;
  const all = (isAddress ? [host] : await names.resolve(host, signal)).flatMap((text) => kernelAddress(text) ?? []);
  const usable = all.filter(
    (address) => canBeTarget(address) && !(config.denyPrivateTargets && isPrivateAddress(address)),
  );
  const v4 = usable.find((address) => plugins.net.isIPv4(address));
  const v6 = usable.find((address) => plugins.net.isIPv6(address));
  return [v4, v6].filter((address) => address !== undefined);
}

/** The same routes, served by this process. */
export const inThisProcess = (config: IResolvedConfig): IResolvedConfig => ({
  ...config,
  routes: config.routes.map((route) => (route.kernel === null ? route : { ...route, kernel: null })),
});

/** Whether a route has a name whose address may change. */
export const hasNames = ({ action, kernel }: IKernelWish): boolean =>
  !kernel.redirect &&
  action.targets.some(({ host }) => typeof host !== 'function' && host.some((one) => plugins.net.isIP(one) === 0));

/** A number a route, from 1; those of routes that are gone come again last. */
export class Numbers {
  readonly #byKey = new Map<string, number>();
  readonly #taken = new Set<number>();
  #last = 0;

  /** @throws NftResourceError where all are taken */
  of(key: string): number {
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    if (this.#taken.size >= 65_535) throw new NftResourceError('table', 'the kernel forwards at most 65535 routes');
    do this.#last = (this.#last % 65_535) + 1;
    while (this.#taken.has(this.#last));
    this.#byKey.set(key, this.#last);
    this.#taken.add(this.#last);
    return this.#last;
  }

  /** Forgets all others. */
  keep(keys: ReadonlySet<string>): void {
    for (const [key, number] of this.#byKey) {
      if (keys.has(key)) continue;
      this.#byKey.delete(key);
      this.#taken.delete(number);
    }
  }
}
