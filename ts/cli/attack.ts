// Attacks on a configuration, or on a proxy that runs.

import {
  attackConfiguration,
  attackFamilies,
  entrancesOf,
  formatAttackReport,
  type IAttackOptions,
  type IAttackReport,
  type IEntrance,
  runAttacks,
  type TAttackFamily,
} from '../attack.js';
import { ConfigError, type ISmartProxyOptions, SecurityManager } from '../index.js';
import { loadDefaultCertificatesAsync } from '../utils.js';
import { readConfigFile } from './config-file.js';
import { readEndpoint } from './endpoint.js';
import { CommandError, type IHost } from './host.js';
import { countOf } from './report.js';

export interface IAttackArguments {
  readonly config?: string;
  readonly target?: string;
  readonly iOwnThisTarget?: boolean;
  readonly tls?: boolean;
  readonly host?: string;
  readonly path?: string;
  readonly protected?: readonly string[];
  /** `Name: value` each. */
  readonly header?: readonly string[];
  /** Separated by commas. */
  readonly only?: string;
  readonly slow?: boolean;
  readonly all?: boolean;
  readonly json?: boolean;
}

/** @throws CommandError if there are findings */
export async function attack(given: IAttackArguments, host: IHost): Promise<void> {
  const { config, target, all = false, json = false } = given;
  if (config === undefined && target === undefined) throw new CommandError(1, 'want --config, --target or both');
  const options = config === undefined ? null : (await readConfigFile(config)).options;
  const families = familiesOf(given);
  const reports =
    target === undefined
      ? await rehearse(options ?? { routes: [] }, given, families)
      : await attackRunning(target, options, given, families);
  const findings = reports.reduce((sum, report) => sum + report.counts.finding, 0);
  if (json) host.out(JSON.stringify({ findings, reports }, null, 2));
  else {
    host.out(reports.map((report) => formatAttackReport(report, { all })).join('\n\n'));
    if (findings > 0) host.err(`smartproxy: ${countOf(findings, 'finding')}`);
  }
  if (findings > 0) throw new CommandError(1);
}

function familiesOf({ only, slow = false }: IAttackArguments): readonly TAttackFamily[] {
  if (only === undefined) return attackFamilies.filter((family) => family !== 'slow' || slow);
  return only.split(',').map((name) => {
    const family = attackFamilies.find((each) => each === name.trim());
    if (family === undefined) throw new CommandError(1, `--only: want ${attackFamilies.join(', ')}, got ${name}`);
    return family;
  });
}

/** No target is asked: what the options of one say has no meaning here. */
async function rehearse(
  options: ISmartProxyOptions,
  given: IAttackArguments,
  families: readonly TAttackFamily[],
): Promise<readonly IAttackReport[]> {
  const { config = '', tls, host, path, protected: protectedPaths, header } = given;
  const useless = Object.entries({ tls, host, path, header }).find(([, value]) => value !== undefined);
  if (useless !== undefined) throw new CommandError(1, `--${useless[0]}: it goes with --target`);
  const reports = await attackConfiguration(options, {
    families,
    certificate: await loadDefaultCertificatesAsync(() => {}),
    ...(protectedPaths === undefined ? {} : { protectedPaths }),
  });
  if (reports.length === 0) throw new CommandError(1, `${config}: no port of it takes requests that can be tried`);
  return reports;
}

async function attackRunning(
  target: string,
  options: ISmartProxyOptions | null,
  given: IAttackArguments,
  families: readonly TAttackFamily[],
): Promise<readonly IAttackReport[]> {
  const { host: address, port } = readEndpoint(target, '--target');
  const { iOwnThisTarget: ownsTarget = false, header = [] } = given;
  const reports: IAttackReport[] = [];
  for (const entrance of entrancesFor(options, port, given)) {
    const { isTls: tls, host, path, protectedPaths } = entrance;
    const asked: IAttackOptions = {
      ...{ target: { ...(address === null ? {} : { host: address }), port, tls }, ownsTarget, families },
      trusted: believes(options),
      ...{ host, path, protectedPaths, headers: { ...entrance.headers, ...readHeaders(header) } },
    };
    reports.push(await attacked(asked));
  }
  return reports;
}

/** What it believes of this machine is no spoof when this machine says it. */
const believes = (options: ISmartProxyOptions | null): boolean =>
  (options?.trustedProxies ?? []).length > 0 &&
  SecurityManager.isIPAuthorized('127.0.0.1', options?.trustedProxies ?? [], []);

async function attacked(options: IAttackOptions): Promise<IAttackReport> {
  try {
    return await runAttacks(options);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const got = error.faults[0]?.got ?? '';
    throw new CommandError(1, `--target: want an address of this machine, or --i-own-this-target, got ${got}`);
  }
}

/** Those of the configuration for the port, or for any where none is: a container may have moved it. */
function entrancesFor(options: ISmartProxyOptions | null, port: number, given: IAttackArguments): readonly IEntrance[] {
  const all = options === null ? [] : entrancesOf(options);
  const own = all.filter((entrance) => entrance.port === port);
  const known = own.length > 0 ? own : all.slice(0, 1);
  const fitting = given.tls ? known.filter(({ isTls }) => isTls) : known;
  const plain: IEntrance = { port, isTls: false, host: 'localhost', path: '/', headers: {}, protectedPaths: [] };
  const chosen = fitting.length > 0 ? fitting : [known[0] ?? plain];
  return chosen.map((entrance) => ({
    ...{ port, headers: entrance.headers, isTls: given.tls ?? entrance.isTls },
    ...{ host: given.host ?? entrance.host, path: given.path ?? entrance.path },
    protectedPaths: given.protected ?? entrance.protectedPaths,
  }));
}

function readHeaders(lines: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    lines.map((line) => {
      const [, name, value] = /^([^:\s]+):\s*(.*?)\s*$/s.exec(line) ?? [];
      if (name === undefined || value === undefined) {
        throw new CommandError(1, `--header: want 'name: value', got ${JSON.stringify(line)}`);
      }
      return [name, value];
    }),
  );
}
