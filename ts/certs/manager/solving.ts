// Proves to an issuer that the names of an order are ours.

import type { IAcmeAuthorization, IAcmeChallenge, IAcmeOrder } from '../acme/acme-types.js';
import { identifierOf } from '../names.js';
import type { IAccount } from './accounts.js';
import { type IAttempt, type IWorkshop, poll, thrice } from './attempt.js';
import { IssuanceError, ValidationError } from './failure-policy.js';
import type { IChallengeSolver, IChallengeToShow, TChallengeKind } from './manager-types.js';
import { within } from './waiting.js';

interface IProof {
  readonly authorization: IAcmeAuthorization;
  readonly challenge: IAcmeChallenge;
  readonly solver: IChallengeSolver;
  readonly shown: IChallengeToShow;
}

/**
 * Resolves, when all authorizations are valid, to the kind of challenge that proved the names; null: none was needed.
 * Answers are there until all of them have settled: a name and its wildcard share one TXT record's name.
 */
export async function solve(
  shop: IWorkshop,
  attempt: IAttempt,
  account: IAccount,
  order: IAcmeOrder,
): Promise<TChallengeKind | null> {
  const { signal } = attempt;
  const authorizations = await Promise.all(
    order.authorizations.map((url) => thrice(shop, signal, () => account.client.authorization(url, signal))),
  );
  const open = authorizations.filter(({ status }) => status !== 'valid');
  const proofs = open.map((authorization) => proofOf(shop, attempt, account, authorization));
  const begun: IProof[] = [];
  try {
    for (const proof of proofs) {
      begun.push(proof);
      await show(shop, attempt, proof);
    }
    const outcomes = await Promise.allSettled(proofs.map((proof) => prove(shop, attempt, account, proof)));
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  } finally {
    await Promise.all(begun.map((proof) => takeAway(shop, proof)));
  }
  return proofs[0]?.shown.kind ?? null;
}

function proofOf(
  { solvers }: IWorkshop,
  attempt: IAttempt,
  { client, url }: IAccount,
  authorization: IAcmeAuthorization,
): IProof {
  const { acme, failures, present } = attempt;
  const name = orderedName(attempt, authorization);
  if (authorization.status !== 'pending') throw deadAuthorization(authorization);
  const possible = acme.challenges.flatMap((kind) => {
    const challenge = authorization.challenges.find(({ type }) => type === kind);
    const solver = solvers[kind];
    return challenge === undefined || solver === undefined ? [] : [{ kind, challenge, solver }];
  });
  // What proved the name last time comes first; after a failure it is another kind's turn.
  const proven = possible.findIndex(({ kind }) => kind === present?.meta.challenge);
  const chosen = possible[(Math.max(proven, 0) + failures) % Math.max(possible.length, 1)];
  if (chosen === undefined) throw new IssuanceError('config', 'noChallenge', reasonWhyNone(name, authorization));
  const { kind, challenge, solver } = chosen;
  const { token } = challenge;
  const persistent = kind === 'dns-persist-01';
  const shown = {
    kind,
    name,
    token,
    keyAuthorization: persistent ? '' : client.keyAuthorization(token),
    dnsValue: persistent ? persistentValue(authorization, challenge, url) : client.dnsValue(token),
    acme,
  };
  return { authorization, challenge, solver, shown };
}

/**
 * The name of ours that an authorization is about, in our spelling. Records are set and certificates are shown for it, so
 * it is not the issuer that chooses it.
 */
function orderedName({ names }: IAttempt, { identifier }: IAcmeAuthorization): string {
  const asked = bareOf(identifier.value.toLowerCase());
  const found = names.map(bareOf).find((name) => identifierOf(name).value === identifierOf(asked).value);
  if (found !== undefined) return found;
  throw new IssuanceError('transient', 'authorization', 'the issuer wants a proof of a name that was not ordered');
}

const bareOf = (name: string): string => (name.startsWith('*.') ? name.slice(2) : name);

/** draft-ietf-acme-dns-persist: the record says which account at which issuer may have certificates. */
function persistentValue({ wildcard }: IAcmeAuthorization, { issuerDomainNames }: IAcmeChallenge, accountUrl: string) {
  const value = `${issuerDomainNames[0] ?? ''}; accounturi=${accountUrl}`;
  return wildcard ? `${value}; policy=wildcard` : value;
}

const reasonWhyNone = (name: string, { challenges, wildcard }: IAcmeAuthorization): string =>
  `${wildcard ? '*.' : ''}${name}: none of the challenges that the issuer offers is set up here: ${challenges.map(({ type }) => type).join(', ')}`;

async function show({ clock }: IWorkshop, { signal }: IAttempt, { solver, shown }: IProof): Promise<void> {
  try {
    const late = () => new IssuanceError('transient', 'solver', `${shown.kind} was not set up in time`);
    await within(clock, showLimitMs, signal, late, (inner) => solver.present(shown, inner));
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof IssuanceError) throw error;
    throw new IssuanceError('transient', 'solver', `${shown.name}: ${shown.kind} could not be set up: ${error}`, {
      cause: error,
    });
  }
}

/** Never rejects. What a solver cannot take away hurts nobody: its token is of no further use. */
async function takeAway({ clock }: IWorkshop, { solver, shown }: IProof): Promise<void> {
  const late = () => new Error('not taken away in time');
  try {
    // Without the attempt's signal, which may have ended it.
    await within(clock, cleanupLimitMs, null, late, () => solver.cleanup(shown));
  } catch {}
}

const showLimitMs = 600_000;
const cleanupLimitMs = 30_000;

async function prove(shop: IWorkshop, { signal }: IAttempt, { client }: IAccount, proof: IProof): Promise<void> {
  const { url, identifier } = proof.authorization;
  const answer = () => thrice(shop, signal, () => client.answerChallenge(proof.challenge.url, signal));
  await answer();
  let postsLeft = 2;
  const late = () =>
    new IssuanceError('transient', 'timeout', `${identifier.value}: the issuer has not validated it in time`);
  const read = () => thrice(shop, signal, () => client.authorization(url, signal));
  const settled = await poll(
    shop,
    signal,
    validationLimitMs,
    late,
    await read(),
    ({ status }) => status !== 'pending',
    async (last) => {
      const stuck = challengeOf(last, proof);
      // Some issuers leave a failed challenge pending: they look again when they are told to.
      if (stuck?.status === 'pending' && stuck.error !== null) {
        if (postsLeft-- === 0) throw new ValidationError(identifier.value, stuck.error);
        await answer();
      }
      return read();
    },
  );
  if (settled.status === 'valid') return;
  if (settled.status !== 'invalid') throw deadAuthorization(settled);
  throw new ValidationError(identifier.value, challengeOf(settled, proof)?.error ?? null);
}

const challengeOf = ({ challenges }: IAcmeAuthorization, { challenge }: IProof): IAcmeChallenge | undefined =>
  challenges.find(({ url }) => url === challenge.url) ?? challenges.find(({ error }) => error !== null);

const deadAuthorization = ({ identifier, status, challenges }: IAcmeAuthorization): Error =>
  status === 'invalid'
    ? new ValidationError(identifier.value, challenges.find(({ error }) => error !== null)?.error ?? null)
    : new IssuanceError('transient', 'authorization', `${identifier.value}: its authorization is ${status}`);

const validationLimitMs = 300_000;
