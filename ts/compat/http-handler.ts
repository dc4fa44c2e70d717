// Forwards plain HTTP, by itself: for programs that accept their connections themselves.

import type { IForwardConfig } from './forward-config.js';
import { ForwardingHandler, type IForwardingOptions } from './forwarding-handler.js';

export class HttpForwardingHandler extends ForwardingHandler {
  /** @throws ConfigError with every fault */
  constructor(config: IForwardConfig, options: IForwardingOptions = {}) {
    super('http-only', config, options, { path: '/*' });
  }
}
