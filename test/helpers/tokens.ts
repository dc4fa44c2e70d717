// Signed tokens, keys to sign them with, and a server that gives the public ones out.

import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { type JWTHeaderParameters, type JWTPayload, SignJWT } from 'jose';
import { type IHttpOrigin, startHttpOrigin } from './http-origins.js';

export interface ISigner {
  readonly kid: string;
  readonly alg: string;
  /** As it stands in a key set. */
  readonly jwk: Readonly<Record<string, unknown>>;
  /** Valid for an hour from now unless the claims say otherwise. */
  sign(claims?: JWTPayload, header?: Record<string, unknown>): Promise<string>;
}

const makers: Record<string, () => { readonly publicKey: KeyObject; readonly privateKey: KeyObject }> = {
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  EdDSA: () => generateKeyPairSync('ed25519'),
  RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
};

export function makeSigner(kid: string, alg: 'ES256' | 'EdDSA' | 'RS256' = 'ES256'): ISigner {
  const { publicKey, privateKey } = (makers[alg] as (typeof makers)[string])();
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid, alg, use: 'sig' };
  return { kid, alg, jwk, sign: (claims = {}, header = {}) => signWith(privateKey, claims, { alg, kid, ...header }) };
}

export const signWithSecret = (secret: string, claims: JWTPayload = {}, alg = 'HS256'): Promise<string> =>
  signWith(Buffer.from(secret), claims, { alg });

function signWith(key: KeyObject | Uint8Array, claims: JWTPayload, header: JWTHeaderParameters): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  return new SignJWT({ iat: now, exp: now + 3600, ...claims }).setProtectedHeader(header).sign(key);
}

export interface IKeyServer extends AsyncDisposable {
  readonly url: string;
  readonly origin: IHttpOrigin;
  /** What it gives out. */
  keys: readonly ISigner[];
  /** Other than 200: it fails. */
  status: number;
}

export async function startKeyServer(...keys: ISigner[]): Promise<IKeyServer> {
  const origin = await startHttpOrigin((_request, response) => {
    response.writeHead(server.status, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ keys: server.keys.map(({ jwk }) => jwk) }));
  });
  const server: IKeyServer = {
    ...{ url: `http://127.0.0.1:${origin.port}/keys?canary-query`, origin, keys, status: 200 },
    [Symbol.asyncDispose]: () => origin[Symbol.asyncDispose](),
  };
  return server;
}
