// The targets of an action, whichever way they are given.

import type { IForwardAction, ISmartProxyOptions, ITarget } from './types.js';

/** None if they are missing. */
export function targetsOf(
  { target, targets }: IForwardAction,
  defaults: ISmartProxyOptions['defaults'] | null,
): readonly ITarget[] {
  if (targets !== undefined) return targets;
  const single = target ?? defaults?.target;
  return single === undefined ? [] : [single];
}
