// The first of two passes over a configuration: is it plain data, and is each value one that its option takes?

import * as plugins from '../plugins.js';
import { copyPlain } from './copy.js';
import type { IPathFault } from './faults.js';
import { faultsOf } from './issues.js';
import { optionsSchema } from './schema.js';
import type { ISmartProxyOptions } from './types.js';

/** From here on, translating the schema into code once is quicker than walking it for each route. */
const manyRoutes = 500;

export interface IValidated {
  /** Our own copy, deeply frozen. It fits its type only where `faults` names nothing. */
  readonly options: ISmartProxyOptions;
  readonly faults: readonly IPathFault[];
}

/** Never throws. */
export function validateOptions(input: unknown): IValidated {
  const copied = copyPlain(input, ['logger', 'certificateStore']);
  const options = copied.value as ISmartProxyOptions;
  return { options, faults: [...copied.faults, ...schemaFaults(options)] };
}

function schemaFaults(options: ISmartProxyOptions): readonly IPathFault[] {
  // Only where all is well: the compiled form says that something is wrong, not what.
  if (routeCount(options) >= manyRoutes && plugins.zod.validate(compiledSchema(), options)) return [];
  const result = optionsSchema.safeParse(options);
  return result.success ? [] : faultsOf(result.error.issues, options);
}

const routeCount = (options: unknown): number => {
  if (typeof options !== 'object' || options === null || !('routes' in options)) return 0;
  return Array.isArray(options.routes) ? options.routes.length : 0;
};

let compiled: typeof optionsSchema | undefined;

const compiledSchema = (): typeof optionsSchema => {
  compiled ??= plugins.zod.compile(optionsSchema);
  return compiled;
};
