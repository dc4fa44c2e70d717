// What the last stage needs from outside; smart-proxy.ts introduces it.

import type { IClock } from '../../base/clock.js';
import type { ILogger } from '../../base/logger.js';
import type { IResolvedRoute, IResolvedSocketOptions } from '../../config/resolved.js';
import type { ConnectionManager } from '../connection-manager.js';
import type { IResolver, ITargetPicker } from './target-types.js';

export interface IForwardDeps {
  readonly clock: IClock;
  readonly logger: ILogger;
  readonly connections: ConnectionManager;
  readonly resolver: IResolver;
  readonly socket: IResolvedSocketOptions;
  readonly denyPrivateTargets: boolean;
  pickerFor(route: IResolvedRoute): ITargetPicker;
}
