// What ACME signs: requests, and keys inside of requests (RFC 8555 §6.2). All are JWS in flattened JSON (RFC 7515).

import * as plugins from '../../plugins.js';
import type { IAccountKey } from './account-key.js';
import type { IExternalAccount } from './acme-types.js';

/** Ready to be sent, or to be put into another one. */
export interface IJws {
  readonly protected?: string;
  readonly payload: string;
  readonly signature: string;
}

export interface ISignedRequest {
  readonly key: IAccountKey;
  readonly url: string;
  /** null: the outer request has it (§7.3.5). */
  readonly nonce: string | null;
  /** The account's address; null: the key itself says who asks. */
  readonly kid: string | null;
  /** null: there is nothing to say, which makes the request a POST-as-GET (§6.3). */
  readonly payload: object | null;
}

export async function signRequest({ key, url, nonce, kid, payload }: ISignedRequest): Promise<IJws> {
  const who = kid === null ? { jwk: { ...key.jwk } } : { kid };
  const { FlattenedSign } = await plugins.loadJose();
  const text = payload === null ? '' : JSON.stringify(payload);
  return new FlattenedSign(Buffer.from(text))
    .setProtectedHeader({ alg: key.algorithm, ...who, ...(nonce === null ? {} : { nonce }), url })
    .sign(key.privateKey);
}

/** Says that whoever has this key is the authority's customer (§7.3.4). */
export async function signBinding(key: IAccountKey, { kid, hmacKey }: IExternalAccount, url: string): Promise<IJws> {
  const { FlattenedSign } = await plugins.loadJose();
  return new FlattenedSign(Buffer.from(JSON.stringify(key.jwk)))
    .setProtectedHeader({ alg: 'HS256', kid, url })
    .sign(Buffer.from(hmacKey, 'base64url'));
}
