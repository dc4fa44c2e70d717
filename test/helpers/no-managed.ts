// Where no certificate is got by itself.

import type { IManagedPairs } from '../../ts/certs/context-source.js';

export const noManaged: IManagedPairs = {
  attach: async () => {},
  pairFor: () => null,
  coming: () => null,
};
