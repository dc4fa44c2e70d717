// A port that sends everybody to HTTPS, and nothing else.

import type { IHttpsRedirectOptions } from '../config/http-route-helpers.js';
import { createHttpToHttpsRedirect } from '../config/http-route-helpers.js';
import type { ISmartProxyOptions } from '../config/types.js';
import { SmartProxy } from '../smart-proxy.js';

export interface ISslRedirectOptions
  extends Pick<IHttpsRedirectOptions, 'httpsPort' | 'status'>,
    Pick<ISmartProxyOptions, 'listenAddress' | 'logger'> {}

export class SslRedirect extends SmartProxy {
  /** @throws ConfigError with every fault */
  constructor(port = 80, { httpsPort, status = 302, ...options }: ISslRedirectOptions = {}) {
    const where = { ports: port, status, ...(httpsPort === undefined ? {} : { httpsPort }) };
    super({ ...options, routes: [createHttpToHttpsRedirect({ name: 'to HTTPS', ...where })] });
  }

  /** The port as it turned out; 0 while it does not listen. */
  get port(): number {
    return this.getListeningPorts()[0] ?? 0;
  }
}
