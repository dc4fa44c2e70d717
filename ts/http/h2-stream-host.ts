// The connection, as its streams need it.

import type { Visitor } from './visitor.js';

export interface IH2StreamHost {
  readonly visitor: Visitor;
  /** Given where the proxy stops: the milliseconds that are left. */
  readonly graceMs: number | null;
  /** Calls `passed` once its `dueMs` has come. */
  watch(dueMs: number): void;
}
