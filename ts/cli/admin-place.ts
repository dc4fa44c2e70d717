// Where the admin interface of a running proxy is, and what is shown there: from options and the environment.

import type { IAdminOptions, ISmartProxyOptions } from '../index.js';
import * as plugins from '../plugins.js';
import { readEndpoint } from './endpoint.js';
import { CommandError, type IHost } from './host.js';

/** As commander gives them. */
export interface IAdminArguments {
  /** HOST:PORT, or a port of this machine. */
  readonly admin?: string;
  /** Its first line is the token: one on the command line would be in the list of processes. */
  readonly tokenFile?: string;
}

export interface IAdminPlace {
  readonly host: string;
  readonly port: number;
  readonly token: string | null;
}

const usual = { host: '127.0.0.1', port: 9190 } as const;

/** @throws CommandError */
export async function adminPlace(given: IAdminArguments, { env }: Pick<IHost, 'env'>): Promise<IAdminPlace> {
  const what = given.admin === undefined ? 'SMARTPROXY_ADMIN' : '--admin';
  const text = given.admin ?? (env.SMARTPROXY_ADMIN || undefined);
  const { host, port } = text === undefined ? usual : readEndpoint(text, what);
  const token = await tokenOf(given);
  return { host: host ?? usual.host, port, token: token ?? (env.SMARTPROXY_ADMIN_TOKEN || null) };
}

/**
 * The options of a configuration with what the command line says of the admin interface. A token of the environment is for
 * configurations that have none.
 * @throws CommandError
 */
export async function withAdmin(
  options: ISmartProxyOptions,
  given: IAdminArguments,
  { env }: Pick<IHost, 'env'>,
): Promise<ISmartProxyOptions> {
  if (options.admin === undefined && given.admin === undefined) {
    if (given.tokenFile === undefined) return options;
    throw new CommandError(1, '--token-file: want --admin too, or admin in the configuration');
  }
  const { host, port } = given.admin === undefined ? { host: null, port: null } : readEndpoint(given.admin, '--admin');
  const token = (await tokenOf(given)) ?? options.admin?.token ?? (env.SMARTPROXY_ADMIN_TOKEN || null);
  const admin: IAdminOptions = {
    ...options.admin,
    ...(port === null ? {} : { port, host: host ?? usual.host }),
    ...(token === null ? {} : { token }),
  };
  return { ...options, admin };
}

async function tokenOf({ tokenFile }: IAdminArguments): Promise<string | null> {
  if (tokenFile === undefined) return null;
  const content = await plugins.fs.promises.readFile(tokenFile, 'utf8').catch((error: Error) => {
    throw new CommandError(2, `cannot read ${tokenFile}: ${error.message}`);
  });
  const [token = ''] = content.split(/\r?\n/);
  if (token === '') throw new CommandError(1, `${tokenFile}: want a token in its first line`);
  return token;
}
