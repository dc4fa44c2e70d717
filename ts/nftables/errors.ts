// What can go wrong between us and the kernel: a value we refuse, a command that failed, a machine that lacks something.

import { ProxyError, type TErrorCode } from '../base/errors.js';

/** Every failure of forwarding in the kernel is one of these. */
export class NftBaseError extends ProxyError {
  constructor(code: TErrorCode, message: string, options?: { cause?: unknown }) {
    super(code, message, options);
    this.name = 'NftBaseError';
  }
}

/** A value that may not go into a rule. Nothing was run. */
export class NftValidationError extends NftBaseError {
  /** Each names a place and what is wanted there. */
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super('NFT_INVALID', faults.join('; '));
    this.name = 'NftValidationError';
    this.faults = faults;
  }
}

/** nft or conntrack ran and failed. The kernel's rules are as they were before. */
export class NftExecutionError extends NftBaseError {
  /** The program with its arguments. */
  readonly command: string;
  /** null if it was ended by a signal, or by us. */
  readonly exitCode: number | null;
  readonly stderr: string;

  constructor(command: string, exitCode: number | null, stderr: string, options?: { cause?: unknown }) {
    super('NFT_FAILED', `${command} failed: ${stderr.trim() || `exit code ${exitCode}`}`, options);
    this.name = 'NftExecutionError';
    this.command = command;
    this.exitCode = exitCode;
    this.stderr = stderr;
  }
}

/** What this machine lacks. */
export type TLack = 'nft' | 'privilege' | 'kernel' | 'sysctl' | 'table';

/** The machine cannot do it: no nft, no privilege, a kernel without something, a switch that is off, a table in use. */
export class NftResourceError extends NftBaseError {
  readonly lack: TLack;

  constructor(lack: TLack, message: string, options?: { cause?: unknown }) {
    super('NFT_UNAVAILABLE', message, options);
    this.name = 'NftResourceError';
    this.lack = lack;
  }
}
