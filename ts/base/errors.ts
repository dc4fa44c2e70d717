// The two error classes of this package and the table that gives every code its meaning.

/** Whose fault an error is. */
export type TBlame = 'client' | 'upstream' | 'operator' | 'proxy';

interface IErrorFacts {
  /** Whose fault it is. */
  readonly blame: TBlame;
  /** The HTTP status it becomes where the client speaks HTTP; 499 appears in logs only. */
  readonly status: number;
  /** True if another target may be tried after it. */
  readonly tryNext: boolean;
}

/** Every code a `ProxyError` can carry. Codes are stable: they may be matched by programs. */
export const errorTable = {
  CONFIG_INVALID: { blame: 'operator', status: 500, tryNext: false },
  LISTEN_FAILED: { blame: 'operator', status: 500, tryNext: false },
  ACCEPT_FAILED: { blame: 'proxy', status: 503, tryNext: false },
  NOT_RUNNING: { blame: 'operator', status: 500, tryNext: false },
  HANDLERS_LOST: { blame: 'operator', status: 500, tryNext: false },
  TARGET_FUNCTION_FAILED: { blame: 'operator', status: 500, tryNext: false },
  CLIENT_LEFT: { blame: 'client', status: 499, tryNext: false },
  PROXY_HEADER_INVALID: { blame: 'client', status: 400, tryNext: false },
  TARGET_UNRESOLVED: { blame: 'upstream', status: 502, tryNext: true },
  TARGET_UNREACHABLE: { blame: 'upstream', status: 502, tryNext: true },
  TARGET_TIMEOUT: { blame: 'upstream', status: 504, tryNext: true },
  TARGET_TLS: { blame: 'upstream', status: 502, tryNext: true },
  TARGET_BROKE: { blame: 'upstream', status: 502, tryNext: false },
  TARGET_VERSION: { blame: 'operator', status: 502, tryNext: true },
  TARGET_MALFORMED: { blame: 'upstream', status: 502, tryNext: false },
  RESPONSE_TIMEOUT: { blame: 'upstream', status: 504, tryNext: false },
  REQUEST_MALFORMED: { blame: 'client', status: 400, tryNext: false },
  REQUEST_TIMEOUT: { blame: 'client', status: 408, tryNext: false },
  CLIENT_TOO_SLOW: { blame: 'client', status: 408, tryNext: false },
  REQUEST_TOO_LARGE: { blame: 'client', status: 413, tryNext: false },
  HANDLER_FAILED: { blame: 'operator', status: 500, tryNext: false },
  CERTIFICATE_INVALID: { blame: 'operator', status: 500, tryNext: false },
  CERTIFICATE_UNKNOWN: { blame: 'operator', status: 404, tryNext: false },
  CERTIFICATE_FAILED: { blame: 'operator', status: 500, tryNext: false },
  TARGET_DENIED: { blame: 'operator', status: 502, tryNext: true },
  DESCRIPTOR_LIMIT: { blame: 'proxy', status: 503, tryNext: false },
  PORTS_USED_UP: { blame: 'proxy', status: 503, tryNext: true },
  NO_TARGET: { blame: 'operator', status: 503, tryNext: false },
  POOL_EXHAUSTED: { blame: 'proxy', status: 503, tryNext: false },
  POOL_CLOSED: { blame: 'proxy', status: 503, tryNext: false },
  CIRCUIT_OPEN: { blame: 'upstream', status: 503, tryNext: true },
  TIMEOUT: { blame: 'proxy', status: 504, tryNext: false },
  STORE_NOT_WRITABLE: { blame: 'operator', status: 500, tryNext: false },
  STORE_NOT_READABLE: { blame: 'operator', status: 500, tryNext: false },
  STORE_LOCK_LOST: { blame: 'proxy', status: 500, tryNext: false },
  NFT_INVALID: { blame: 'operator', status: 500, tryNext: false },
  NFT_FAILED: { blame: 'proxy', status: 500, tryNext: false },
  NFT_UNAVAILABLE: { blame: 'operator', status: 500, tryNext: false },
  FILE_FAILED: { blame: 'operator', status: 500, tryNext: false },
} as const satisfies Record<string, IErrorFacts>;

/** The code of a `ProxyError`. */
export type TErrorCode = keyof typeof errorTable;

/** Any failure this package reports. `cause` holds what led to it. */
export class ProxyError extends Error {
  readonly code: TErrorCode;
  readonly blame: TBlame;
  readonly status: number;
  readonly tryNext: boolean;

  constructor(code: TErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'ProxyError';
    this.code = code;
    ({ blame: this.blame, status: this.status, tryNext: this.tryNext } = errorTable[code]);
  }
}

/** One thing wrong in a configuration. */
export interface IFault {
  /** Where it is, as it would be written in JavaScript: `routes[3].match.ports`. */
  readonly path: string;
  /** What is expected there. */
  readonly want: string;
  /** What was found, shortened. */
  readonly got: string;
}

/** A configuration that cannot be used, with every fault in it. */
export class ConfigError extends ProxyError {
  readonly faults: readonly IFault[];

  constructor(faults: readonly IFault[]) {
    const lines = faults.map((fault) => `  ${fault.path || '(root)'}: want ${fault.want}, got ${fault.got}`);
    super(
      'CONFIG_INVALID',
      `${faults.length} fault${faults.length === 1 ? '' : 's'} in the configuration:\n${lines.join('\n')}`,
    );
    this.name = 'ConfigError';
    this.faults = faults;
  }
}

/** The message of whatever was thrown. Never throws: `Object.create(null)` is enough to make `String` do so. */
export function messageOf(error: unknown): string {
  try {
    return error instanceof Error ? `${error.message}` : String(error);
  } catch {
    return 'no message';
  }
}
