// Terminates TLS and forwards what is inside to a target by TLS again, by itself.

import type { IForwardConfig } from './forward-config.js';
import { ForwardingHandler, type IForwardingOptions } from './forwarding-handler.js';

export class HttpsTerminateToHttpsHandler extends ForwardingHandler {
  /** @throws ConfigError with every fault */
  constructor(config: IForwardConfig, options: IForwardingOptions = {}) {
    super('https-terminate-to-https', config, options);
  }
}
