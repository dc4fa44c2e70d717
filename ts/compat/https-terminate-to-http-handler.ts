// Terminates TLS and forwards what is inside to a plain target, by itself.

import type { IForwardConfig } from './forward-config.js';
import { ForwardingHandler, type IForwardingOptions } from './forwarding-handler.js';

export class HttpsTerminateToHttpHandler extends ForwardingHandler {
  /** @throws ConfigError with every fault */
  constructor(config: IForwardConfig, options: IForwardingOptions = {}) {
    super('https-terminate-to-http', config, options);
  }
}
