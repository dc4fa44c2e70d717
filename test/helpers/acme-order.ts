// The whole of an order, step by step, with challenges that are answered by servers of the test.

import type { AcmeClient } from '../../ts/certs/acme/acme-client.js';
import type { IAcmeAuthorization, IAcmeCertificate, IAcmeOrder } from '../../ts/certs/acme/acme-types.js';
import { makeCsr } from '../../ts/certs/csr.js';
import { makeKeyPem, type TKeyType } from '../../ts/certs/keys.js';
import { identifierOf } from '../../ts/certs/names.js';
import type { IAcmeDns } from './acme-dns.js';
import type { ISolvers, TSolvedKind } from './acme-solvers.js';

export interface IOrderWorld {
  readonly client: AcmeClient;
  readonly solvers: ISolvers;
  readonly dns: IAcmeDns;
}

export interface IOrderWish {
  readonly names: readonly string[];
  readonly kind: TSolvedKind;
  readonly keyType?: TKeyType;
  readonly profile?: string;
  readonly replaces?: string;
}

export interface IObtained extends IAcmeCertificate {
  readonly key: string;
  readonly order: IAcmeOrder;
}

/** Rejects with the problem of the challenge, or of the order, that is in the way. */
export async function obtain(world: IOrderWorld, { names, kind, keyType, ...rest }: IOrderWish): Promise<IObtained> {
  const { client } = world;
  const order = await client.newOrder({ identifiers: names.map(identifierOf), ...rest });
  for (const url of order.authorizations) await present(world, await client.authorization(url), kind);
  for (const url of order.authorizations) {
    const { status, challenges } = await client.waitForAuthorization(url);
    if (status !== 'valid') throw challenges.find(({ error }) => error !== null)?.error ?? new Error(status);
  }
  const key = await makeKeyPem(keyType ?? 'ecdsa-p256');
  const ready = await client.waitForOrder(await client.order(order.url));
  const done = await client.waitForOrder(await client.finalize(ready, await makeCsr(names, key)));
  if (done.certificate === null) throw done.error ?? new Error(`the order is ${done.status} without a certificate`);
  return { ...(await client.certificate(done.certificate)), key, order: done };
}

async function present({ client, solvers, dns }: IOrderWorld, authorization: IAcmeAuthorization, kind: TSolvedKind) {
  if (authorization.status === 'valid') return;
  const challenge = authorization.challenges.find(({ type }) => type === kind);
  if (challenge === undefined) throw new Error(`no ${kind} for ${authorization.identifier.value}`);
  const { token, url } = challenge;
  const answer = { keyAuthorization: client.keyAuthorization(token), dnsValue: client.dnsValue(token) };
  await solvers.present({ kind, name: authorization.identifier.value, token, ...answer }, dns);
  await client.answerChallenge(url);
}
