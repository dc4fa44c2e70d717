// The commands that are no demonstration: each takes its arguments as commander gives them.

import {
  ConfigError,
  configJsonSchema,
  formatExplanation,
  type IExplanation,
  type IHostControl,
  type ISmartProxyOptions,
  SmartProxy,
} from '../index.js';
import { type IAdminArguments, withAdmin } from './admin-place.js';
import { type IConfigFile, readConfigFile } from './config-file.js';
import { ConfigFileError, type IPlacedFault } from './faults.js';
import { forwardOptions, type IForwardGiven } from './forward.js';
import { CommandError, type IHost } from './host.js';
import { makeLog, type TLogLevel } from './log.js';
import { type IExplainArguments, readQuery } from './query.js';
import { Reloader } from './reload.js';
import { countOf, Report } from './report.js';
import { serve } from './serve.js';
import { makeWorkers, workerCount } from './workers.js';

export interface IServeArguments {
  readonly logLevel: TLogLevel;
  readonly json?: boolean;
}

export interface IRunArguments extends IServeArguments, IAdminArguments {
  readonly config: string;
  readonly watch?: boolean;
  /** A number, or `auto`. */
  readonly workers?: string;
}

export async function run(
  { config: file, watch = false, workers, ...more }: IRunArguments,
  host: IHost,
): Promise<void> {
  const count = workerCount(workers);
  const config = await readConfigFile(file);
  const options = await withAdmin(config.options, more, host);
  const control: IHostControl = { reload: () => reloader.reloadAndTell() };
  const several =
    count > 1 ? await makeWorkers({ ...config, options }, { workers: count, control, logLevel: more.logLevel }) : null;
  const proxy = several?.proxy ?? new SmartProxy(await withLog(options, more.logLevel), { control });
  const report = new Report({ host, json: more.json ?? false });
  const reloadable = several?.reloadable ?? (proxy as SmartProxy);
  const reloader = new Reloader({ proxy: reloadable, config, report });
  if (watch) reloader.watch();
  try {
    const what = `${countOf(options.routes.length, 'route')} of ${file}`;
    await serve({ proxy, host, report, what, control, onHangup: () => reloader.reload() });
  } finally {
    reloader.close();
  }
}

export interface IForwardArguments extends IServeArguments, IForwardGiven {}

export async function forward(from: string, to: string, given: IForwardArguments, host: IHost): Promise<void> {
  const options = forwardOptions(from, to, given);
  const proxy = new SmartProxy(await withLog(options, given.logLevel));
  const report = new Report({ host, json: given.json ?? false });
  await serve({ proxy, host, report, what: `forwarding to ${to}` });
}

/** The log of the configuration, if it brings one, else ours. */
async function withLog(options: ISmartProxyOptions, level: TLogLevel): Promise<ISmartProxyOptions> {
  return options.logger === undefined ? { ...options, logger: await makeLog(level) } : options;
}

export async function check({ config: file, json = false }: { config: string; json?: boolean }, host: IHost) {
  const answer = (ok: boolean, faults: readonly IPlacedFault[], text: string) =>
    host.out(json ? JSON.stringify({ file, ok, faults }, null, 2) : text);
  try {
    const { options } = await readConfigFile(file);
    answer(true, [], `${file} is good: ${countOf(options.routes.length, 'route')}`);
  } catch (error) {
    if (!(error instanceof ConfigFileError)) throw error;
    answer(false, error.faults, error.message);
    throw new CommandError(1);
  }
}

export interface IExplainCommand extends Omit<IExplainArguments, 'url'> {
  readonly config: string;
  readonly json?: boolean;
}

export async function explain(url: string, { config: file, json = false, ...more }: IExplainCommand, host: IHost) {
  const config = await readConfigFile(file);
  const explanation = explained(config, { url, ...more });
  host.out(json ? JSON.stringify(explanation, null, 2) : formatExplanation(explanation));
}

/** @throws CommandError for what cannot be asked */
function explained({ options }: IConfigFile, query: IExplainArguments): IExplanation {
  try {
    return new SmartProxy(options).explain(readQuery(query, options));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const lines = error.faults.map(({ path, want, got }) => {
      return `${path === 'clientIp' ? '--from' : path}: want ${want}, got ${got}`;
    });
    throw new CommandError(1, lines.join('\n'));
  }
}

export function schema(host: IHost): void {
  host.out(JSON.stringify(configJsonSchema(), null, 2));
}
