// Whether a request may come over a connection that was made for another host.

import type { IResolvedRoute, IResolvedTls } from '../../config/resolved.js';

/**
 * RFC 9110 §7.4: false is answered by 421. `own`: the settings of TLS that the connection has; null: plain. `name`: the host
 * that its ClientHello named. Who named none got whatever certificate there was; another policy is still another matter.
 */
export function carries(own: IResolvedTls | null, name: string | null, { tls }: IResolvedRoute): boolean {
  if (own === null || tls === null || own === tls) return true;
  return name === null ? own.policyKey === tls.policyKey : own.key === tls.key;
}
