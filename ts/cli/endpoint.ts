// Reads `443`, `10.0.0.1:443`, `[::1]:443`, `a.test:443` and `http://a.test` from the command line.

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

export interface ITargetEndpoint extends IEndpoint {
  /** What is spoken there; null: whatever the client says. */
  readonly scheme: 'http' | 'https' | null;
  readonly host: string;
}

/** @throws CommandError */
export function readTarget(text: string): ITargetEndpoint {
  const [, scheme, place = text] = /^(https?):\/\/([^/?#]*)\/?$/i.exec(text) ?? [];
  if (scheme === undefined) {
    if (text.includes('://')) throw wrong(text);
    const { host, port } = readEndpoint(text, 'TO');
    if (host === null) throw new CommandError(1, `TO: want host:port, got the port ${text} alone`);
    return { scheme: null, host, port };
  }
  const known = scheme.toLowerCase() === 'https' ? 'https' : 'http';
  const hasPort = /:\d+$/.test(place) && !/^[^[].*:.*:/.test(place);
  const { host, port } = readEndpoint(hasPort ? place : `${place}:${known === 'https' ? 443 : 80}`, 'TO');
  if (host === null) throw wrong(text);
  return { scheme: known, host, port };
}

const wrong = (text: string): CommandError =>
  new CommandError(1, `TO: want host:port, http://host:port or https://host:port, got ${JSON.stringify(text)}`);
