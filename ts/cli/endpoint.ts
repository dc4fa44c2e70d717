// Reads `443`, `10.0.0.1:443`, `[::1]:443` and `a.test:443` from the command line.

import { CommandError } from './host.js';

export interface IEndpoint {
  /** An address or a name, IPv6 without its brackets; null: only a port was given. */
  readonly host: string | null;
  readonly port: number;
}

/** @throws CommandError; `what` names the argument in it */
export function readEndpoint(text: string, what: string): IEndpoint {
  const match = /^(?:(?:\[([0-9a-f:.%\w]+)\]|([^\s:[\]/@]+)):)?(\d{1,5})$/i.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) {
    throw new CommandError(1, `${what}: want a port, host:port or [IPv6]:port, got ${JSON.stringify(text)}`);
  }
  return { host: match[1] ?? match[2] ?? null, port };
}
