// The store of certificates in a folder.

import type { IClock } from '../../base/clock.js';
import type { ILogger } from '../../base/logger.js';

export interface IFileStoreOptions {
  /** Made if it is not there. */
  readonly folder: string;
  readonly clock: IClock;
  readonly logger: ILogger;
}
