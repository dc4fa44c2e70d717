// Forwards bytes as they are, by itself.

import type { IForwardConfig } from './forward-config.js';
import { ForwardingHandler, type IForwardingOptions } from './forwarding-handler.js';

export class DirectForwardingHandler extends ForwardingHandler {
  /** @throws ConfigError with every fault */
  constructor(config: IForwardConfig, options: IForwardingOptions = {}) {
    super('direct', config, options);
  }
}
