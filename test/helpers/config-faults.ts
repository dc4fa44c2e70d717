// The faults of a configuration, as a test compares them.

import { ConfigError, type IFault } from '../../ts/base/errors.js';
import { resolveConfig } from '../../ts/config/resolve.js';

/** Empty if it is accepted. Whatever else than a ConfigError is thrown goes on. */
export function faultsOf(config: unknown): readonly IFault[] {
  try {
    resolveConfig(config);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
}

export const faultPaths = (config: unknown): string[] => faultsOf(config).map(({ path }) => path);
