// Several processes accept from one port: whichever an authority reaches must know the answer.

import type { IChallengeSolver, IChallengeToShow } from './manager/manager-types.js';

/** The challenges that are answered on the proxy's own ports. */
export type TOwnChallenge = 'http-01' | 'tls-alpn-01';

export type TOwnSolvers = Readonly<Record<TOwnChallenge, IChallengeSolver>>;

/** What an answer is made of, as plain data. */
export type TShownChallenge = Pick<IChallengeToShow, 'name' | 'token' | 'keyAuthorization'>;

export interface IChallengeRelay {
  /** Resolves when every other process answers, or is gone. */
  show(kind: TOwnChallenge, challenge: TShownChallenge): Promise<void>;
  hide(kind: TOwnChallenge, challenge: TShownChallenge): Promise<void>;
  /** Called once: by these what other processes show is shown here too. */
  attach(local: TOwnSolvers): void;
}

/** Solvers that show here and elsewhere. */
export function relayed(local: TOwnSolvers, relay: IChallengeRelay | undefined): TOwnSolvers {
  if (relay === undefined) return local;
  relay.attach(local);
  const both = (kind: TOwnChallenge): IChallengeSolver => ({
    present: async (challenge, signal) => {
      await local[kind].present(challenge, signal);
      await relay.show(kind, plainOf(challenge));
    },
    cleanup: async (challenge) => {
      await Promise.all([local[kind].cleanup(challenge), relay.hide(kind, plainOf(challenge))]);
    },
  });
  return { 'http-01': both('http-01'), 'tls-alpn-01': both('tls-alpn-01') };
}

const plainOf = ({ name, token, keyAuthorization }: IChallengeToShow): TShownChallenge => ({
  name,
  token,
  keyAuthorization,
});
