// The order in which the kernel tries its routes.

import type { IResolvedConfig, IResolvedRoute } from './resolved.js';

/** Particular addresses first, then by priority, number of criteria and place. */
export const kernelRoutesOf = ({ routes }: Pick<IResolvedConfig, 'routes'>): IResolvedRoute[] =>
  routes.filter(({ kernel }) => kernel !== null).sort(compare);

const compare = (a: IResolvedRoute, b: IResolvedRoute): number =>
  Number(a.match.listenAddress === null) - Number(b.match.listenAddress === null) ||
  b.priority - a.priority ||
  Number(a.match.clientIp === null) - Number(b.match.clientIp === null) ||
  a.index - b.index;
