// The corpus of attacks on HTTP/1 requests, with what must become of each: for the codec, and for the proxy as a whole.

import { askAttacks } from './http1/asks.js';
import type { IHttp1Attack } from './http1/attack.js';
import { chunkAttacks } from './http1/chunks.js';
import { framingAttacks } from './http1/framing.js';
import { headAttacks } from './http1/heads.js';
import { routingAttacks } from './http1/routing.js';

export type { IForwarded, IHttp1Attack, TAttackExpectation } from './http1/attack.js';

export const http1Attacks: readonly IHttp1Attack[] = [
  ...framingAttacks,
  ...chunkAttacks,
  ...headAttacks,
  ...routingAttacks,
  ...askAttacks,
];
