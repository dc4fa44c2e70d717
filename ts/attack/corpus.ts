// All attacks, in the order in which they are tried.

import { authorityAttacks } from './cases-authority.js';
import { chunkAttacks } from './cases-chunks.js';
import { framingAttacks } from './cases-framing.js';
import { http2Attacks } from './cases-h2.js';
import { headAttacks } from './cases-head.js';
import { limitAttacks, slowAttacks } from './cases-limits.js';
import { pathAttacks } from './cases-path.js';
import { trustAttacks } from './cases-trust.js';
import { upgradeAttacks } from './cases-upgrade.js';
import type { IAttack, TAttackFamily } from './types.js';

export const attackFamilies: readonly TAttackFamily[] = [
  ...(['framing', 'head', 'chunks', 'authority', 'path', 'trust', 'upgrade', 'limits', 'http2', 'slow'] as const),
];

/** `protectedPaths`: what not everybody may ask for; `openPath`: what everybody may. */
export const attacksOn = (protectedPaths: readonly string[], openPath: string): readonly IAttack[] => [
  ...framingAttacks,
  ...headAttacks,
  ...chunkAttacks,
  ...authorityAttacks,
  ...protectedPaths.flatMap((path) => pathAttacks(path, openPath)),
  ...trustAttacks,
  ...upgradeAttacks,
  ...limitAttacks,
  ...http2Attacks,
  ...slowAttacks,
];
