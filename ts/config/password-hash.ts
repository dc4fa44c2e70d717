// Passwords as hashes: the forms that are taken, and what a password must be where it is meant as text.

/** `$scrypt$ln=15,r=8,p=1$salt$hash`, as the PHC string format has it. */
export interface IScryptHash {
  readonly kind: 'scrypt';
  readonly cost: number;
  readonly blockSize: number;
  readonly parallelization: number;
  readonly salt: Buffer;
  readonly digest: Buffer;
}

export interface IBcryptHash {
  readonly kind: 'bcrypt';
  readonly text: string;
}

export type TPasswordHash = IScryptHash | IBcryptHash;

/** Bytes that one verification may take: those of N = 2^17, r = 8. */
export const maxScryptBytes = 128 * 1024 * 1024;
/** N * r * p: four of the largest. */
const maxScryptWork = 2 ** 22;

/** null: it is no hash of these kinds. */
export function parsePasswordHash(text: string): TPasswordHash | null {
  if (bcrypt.test(text)) return { kind: 'bcrypt', text };
  const [, parameters = '', salt = '', digest = ''] = scrypt.exec(text) ?? [];
  if (parameters === '') return null;
  const numbers = new Map(parameters.split(',').map((part) => [part.split('=')[0], Number(part.split('=')[1])]));
  const cost = 2 ** (numbers.get('ln') ?? 0);
  const blockSize = numbers.get('r') ?? 0;
  const parallelization = numbers.get('p') ?? 0;
  const hash: IScryptHash = {
    ...{ kind: 'scrypt', cost, blockSize, parallelization },
    salt: Buffer.from(salt, 'base64'),
    digest: Buffer.from(digest, 'base64'),
  };
  return numbers.size === 3 && isBearable(hash) ? hash : null;
}

/** A cost above 14 takes seconds; below 4 there is none. */
const bcrypt = /^\$2[aby]\$(?:0[4-9]|1[0-4])\$[./A-Za-z0-9]{53}$/;
const scrypt =
  /^\$scrypt\$((?:ln|r|p)=[1-9]\d{0,3}(?:,(?:ln|r|p)=[1-9]\d{0,3}){2})\$([A-Za-z0-9+/]{8,128})\$([A-Za-z0-9+/]{22,128})$/;

function isBearable({ cost, blockSize, parallelization, salt, digest }: IScryptHash): boolean {
  if (cost < 2 ** 8 || blockSize < 1 || parallelization < 1) return false;
  if (128 * cost * blockSize > maxScryptBytes || cost * blockSize * parallelization > maxScryptWork) return false;
  return salt.length >= 6 && digest.length >= 16;
}

/** It looks like a hash: whoever wrote it does not mean it to be typed. */
const looksHashed = /^(?:\$[a-z0-9-]{1,16}\$|\{[A-Z0-9-]{2,16}\})./i;

/** What is wanted instead; null: a hash of a known kind, or a text. */
export function passwordFault(text: string): string | null {
  if (!looksHashed.test(text) || parsePasswordHash(text) !== null) return null;
  return 'a text, or a hash: $scrypt$ln=15,r=8,p=1$salt$hash (at most 128 MiB), or of bcrypt $2b$12$... (cost 4 to 14)';
}
