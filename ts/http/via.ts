// Requests that come back to the proxy that sent them are found by the pseudonym that it signs with (RFC 9110 §7.6.3).

import { fieldValue, type IRequestHead, type TFields } from '../codec/http-message.js';
import * as plugins from '../plugins.js';

/**
 * How often a request may come back: two routes of one proxy in a row are a configuration, not a loop. A loop has no end, so
 * that it meets any limit.
 */
const maxReturns = 3;

/** One a proxy, not one a process: a request may pass several proxies of one process. */
export class Via {
  readonly #pseudonym = `sp-${plugins.crypto.randomBytes(6).toString('hex')}`;
  readonly #marks = {
    '1.0': `1.0 ${this.#pseudonym}`,
    '1.1': `1.1 ${this.#pseudonym}`,
    '2': `2 ${this.#pseudonym}`,
  };

  /** The value to add to a request that was received in this version. */
  mark(version: IRequestHead['version']): string {
    return this.#marks[version];
  }

  /** True for a request that passed this proxy too often: answered by 508 (RFC 5842 §7.2). */
  isLoop(fields: TFields): boolean {
    for (let at = 0; at < fields.length; at += 2) {
      const name = fields[at] as string;
      if (name.length === 3 && (name.charCodeAt(0) | 0x20) === letterV && this.#passed(fields) > maxReturns)
        return true;
    }
    return false;
  }

  #passed(fields: TFields): number {
    return (fieldValue(fields, 'via') ?? '').split(this.#pseudonym).length - 1;
  }
}

const letterV = 0x76;
