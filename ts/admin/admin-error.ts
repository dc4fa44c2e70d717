// What a request to the admin interface fails with, as its answer tells it.

import { ConfigError, type IFault, ProxyError, type TErrorCode } from '../base/errors.js';

/** The codes of the interface's own; others are those of `ProxyError`. */
export type TAdminCode =
  | 'NOT_FOUND'
  | 'METHOD_WRONG'
  | 'HOST_UNKNOWN'
  | 'CROSS_SITE'
  | 'TOKEN_NEEDED'
  | 'TOKEN_WRONG'
  | 'TOO_MANY_FAILURES'
  | 'TYPE_WRONG'
  | 'QUERY_WRONG'
  | 'JSON_WRONG'
  | 'TOO_LARGE'
  | 'TOO_BUSY'
  | 'NO_RELOAD'
  | 'RELOAD_FAILED';

interface IAdminErrorMore {
  readonly headers?: Readonly<Record<string, string>>;
}

export class AdminError extends Error {
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    readonly status: number,
    readonly code: TAdminCode,
    message: string,
    { headers = {} }: IAdminErrorMore = {},
  ) {
    super(message);
    this.name = 'AdminError';
    this.headers = headers;
  }
}

/** What an answer says of an error. */
export interface IToldError {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly error: { readonly code: string; readonly message: string; readonly faults?: readonly IFault[] };
}

/** null: a defect of ours, whose message may hold anything. */
export function tellError(error: unknown): IToldError | null {
  if (error instanceof AdminError) {
    const { status, headers, code, message } = error;
    return { status, headers, error: { code, message } };
  }
  const faults = faultsOf(error);
  if (faults !== null) {
    return { status: 422, headers: {}, error: { code: 'CONFIG_INVALID', message: (error as Error).message, faults } };
  }
  if (!(error instanceof ProxyError)) return null;
  const { code, message } = error;
  return { status: conflicts.includes(code) ? 409 : 500, headers: {}, error: { code, message } };
}

/** What was asked for is in order, and does not go with the state of things. */
const conflicts: readonly TErrorCode[] = ['HANDLERS_LOST', 'NOT_RUNNING', 'LISTEN_FAILED'];

/** A host program that reads a file may say where in it each fault is. */
function faultsOf(error: unknown): readonly IFault[] | null {
  if (error instanceof ConfigError) return error.faults;
  if (!(error instanceof Error) || !('faults' in error) || !Array.isArray(error.faults)) return null;
  return error.faults as readonly IFault[];
}
