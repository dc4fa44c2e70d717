// The authority of a request: what a Host field, an absolute target or `:authority` names.

import { splitHostPort } from './host.js';

export interface IAuthority {
  /** Lower case, A-labels, no final dot; an IP literal without brackets. */
  readonly host: string;
  /** null if none is given. */
  readonly port: number | null;
}

/** null if `text` is no host with an optional port, has user information, or could be read in more than one way. */
export function readAuthority(text: string): IAuthority | null {
  return splitHostPort(text);
}
