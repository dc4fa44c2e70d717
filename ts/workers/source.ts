// What users give as configuration, in a form that passes from process to process.

import { ConfigError, messageOf } from '../base/errors.js';
import { guardLogger, type ILogger, silentLogger } from '../base/logger.js';
import type { IAdminOptions, IRouteConfig, ISmartProxyOptions } from '../config/types.js';
import * as plugins from '../plugins.js';
import { SmartProxy } from '../smart-proxy.js';
import type { TConfigSource } from './topics.js';
import type { IProxyWorkersOptions } from './types.js';

/** More processes than that are a mistake. */
const mostWorkers = 256;

/** @throws ConfigError with every fault of what is data */
export function sourceOf(config: ISmartProxyOptions | string | URL): TConfigSource {
  if (config instanceof URL) return { module: config.href, routes: null };
  if (typeof config !== 'string') {
    const { admin: _, ...options } = plainSource(config).options;
    return { options };
  }
  const isUrl = /^(file|data|node):/.test(config);
  const module = isUrl ? config : plugins.url.pathToFileURL(plugins.path.resolve(config)).href;
  return { module, routes: null };
}

/** The interface that is asked for outside of a module, which the primary alone has: workers get no token of it. */
export function adminOf({ admin, config }: IProxyWorkersOptions): IAdminOptions | null {
  const own = typeof config === 'object' && !(config instanceof URL) ? config.admin : undefined;
  return admin ?? own ?? null;
}

/** The same with other routes. @throws ConfigError as `plainSource` */
export function withRoutes(
  source: TConfigSource,
  routes: readonly IRouteConfig[],
): { readonly source: TConfigSource; readonly routes: readonly IRouteConfig[] } {
  const isModule = 'module' in source;
  const { options } = plainSource({ ...(isModule ? {} : source.options), routes: [...routes] });
  return { source: isModule ? { ...source, routes: options.routes } : { options }, routes: options.routes };
}

/** @throws ConfigError with every fault, functions included: they cannot pass */
export function plainSource<T extends ISmartProxyOptions>(given: T): { readonly options: T } {
  const { logger: _, ...options } = given;
  // Nothing is opened before it is started.
  new SmartProxy(options as T);
  const place = functionIn(options, 'config');
  if (place !== null) {
    const want = 'plain data: functions cannot pass to another process; give a module that holds them';
    throw new ConfigError([{ path: place, want, got: 'a function' }]);
  }
  try {
    return { options: structuredClone(options) as T };
  } catch (error) {
    throw new ConfigError([{ path: 'config', want: 'plain data', got: messageOf(error) }]);
  }
}

/** Where the first one is. */
function functionIn(value: unknown, place: string): string | null {
  if (typeof value === 'function') return place;
  if (typeof value !== 'object' || value === null || value instanceof RegExp || value instanceof Uint8Array)
    return null;
  for (const [key, inner] of Object.entries(value)) {
    const found = functionIn(inner, Array.isArray(value) ? `${place}[${key}]` : `${place}.${key}`);
    if (found !== null) return found;
  }
  return null;
}

/** @throws ConfigError */
export function workersOf(workers: number | 'auto' = 'auto'): number {
  if (workers === 'auto') return plugins.os.availableParallelism();
  if (Number.isInteger(workers) && workers >= 1 && workers <= mostWorkers) return workers;
  throw new ConfigError([{ path: 'workers', want: `'auto' or 1 to ${mostWorkers}`, got: String(workers) }]);
}

/** Gets the lines of the primary, and of all workers that have none of their own. */
export function loggerOf({ config, logger }: Pick<IProxyWorkersOptions, 'config' | 'logger'>): ILogger {
  const own = typeof config === 'object' && !(config instanceof URL) ? config.logger : undefined;
  const given = logger ?? own;
  return given === undefined ? silentLogger : guardLogger(given);
}
