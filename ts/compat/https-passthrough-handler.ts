// Forwards TLS that its target terminates, by itself.

import type { IForwardConfig } from './forward-config.js';
import { ForwardingHandler, type IForwardingOptions } from './forwarding-handler.js';

export class HttpsPassthroughHandler extends ForwardingHandler {
  /** @throws ConfigError with every fault */
  constructor(config: IForwardConfig, options: IForwardingOptions = {}) {
    super('https-passthrough', config, options);
  }
}
