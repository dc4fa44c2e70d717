// The kernel's switches that forwarding needs. They are read, explained, and changed only where an option says so.

import { messageOf } from '../base/errors.js';
import { AsyncFileSystem } from '../base/fs-utils.js';
import * as plugins from '../plugins.js';
import { NftResourceError } from './errors.js';
import { familyOf, type IKernelRoute } from './kernel-route.js';

/** How the kernel's switches are read and set; tests give others. */
export interface ISwitches {
  /** null: there is no such switch. */
  read(name: string): Promise<string | null>;
  write(name: string, value: string): Promise<void>;
}

export const kernelSwitches: ISwitches = {
  async read(name) {
    try {
      return (await AsyncFileSystem.readFile(pathOf(name))).trim();
    } catch {
      return null;
    }
  },
  async write(name, value) {
    // In place: nothing can be renamed there.
    const file = AsyncFileSystem.createWriteStream(pathOf(name));
    file.end(value);
    await new Promise<void>((resolve, reject) => file.on('error', reject).on('close', resolve));
  },
};

const pathOf = (name: string): string => `/proc/sys/${name.replaceAll('.', '/')}`;

interface INeed {
  readonly name: string;
  readonly why: string;
}

const forwarding4: INeed = {
  name: 'net.ipv4.ip_forward',
  why: 'the kernel forwards no IPv4 packet to another machine',
};
const forwarding6: INeed = {
  name: 'net.ipv6.conf.all.forwarding',
  why: 'the kernel forwards no IPv6 packet to another machine',
};
const routeLocalnet: INeed = {
  name: 'net.ipv4.conf.all.route_localnet',
  why: 'the kernel lets no packet from outside go to 127.0.0.0/8',
};
export const conntrackBytes = 'net.netfilter.nf_conntrack_acct';

/** What the targets of a route need. */
function needsOf({ targets }: IKernelRoute, own: ReadonlySet<string>): readonly INeed[] {
  const needs = new Set<INeed>();
  for (const { address } of targets) {
    if (address === null) continue;
    if (address.startsWith('127.')) needs.add(routeLocalnet);
    else if (!own.has(address)) needs.add(familyOf(address) === 'ip' ? forwarding4 : forwarding6);
  }
  return [...needs];
}

function ownAddresses(): ReadonlySet<string> {
  return new Set(
    Object.values(plugins.os.networkInterfaces()).flatMap((list) => (list ?? []).map((one) => one.address)),
  );
}

/**
 * Sees to it that the kernel would forward the packets of these routes.
 * @throws NftResourceError with every switch that is off and may not be changed; none is changed then
 */
export async function requireSwitches(
  routes: readonly IKernelRoute[],
  mayChange: (route: IKernelRoute) => boolean,
  switches: ISwitches,
): Promise<readonly string[]> {
  const off = new Set<INeed>();
  const changing = new Set<INeed>();
  const own = ownAddresses();
  const isOff = new Map<INeed, boolean>();
  for (const route of routes) {
    for (const need of needsOf(route, own)) {
      if (!isOff.has(need)) isOff.set(need, (await switches.read(need.name)) === '0');
      if (isOff.get(need)) (mayChange(route) ? changing : off).add(need);
    }
  }
  const left = [...off].filter((need) => !changing.has(need));
  if (left.length > 0) throw new NftResourceError('sysctl', left.map(explained).join('; '));
  const changed: string[] = [];
  for (const { name } of changing) if (await set(name, '1', switches)) changed.push(name);
  if (
    routes.some(mayChange) &&
    (await switches.read(conntrackBytes)) === '0' &&
    (await set(conntrackBytes, '1', switches, false))
  ) {
    changed.push(conntrackBytes);
  }
  return changed;
}

const explained = ({ name, why }: INeed): string =>
  `${name} is 0: ${why}; set it (sysctl -w ${name}=1), or let the proxy do it by nftables: { changeSysctls: true }`;

async function set(name: string, value: string, switches: ISwitches, isNeeded = true): Promise<boolean> {
  try {
    await switches.write(name, value);
    return true;
  } catch (cause) {
    if (!isNeeded) return false;
    throw new NftResourceError('sysctl', `${name} cannot be set to ${value}: ${messageOf(cause)}`, { cause });
  }
}

/** True where clients of this machine may use 127.0.0.0/8 to reach targets elsewhere. */
export const routesLoopback = async (switches: ISwitches): Promise<boolean> =>
  (await switches.read(routeLocalnet.name)) === '1';
