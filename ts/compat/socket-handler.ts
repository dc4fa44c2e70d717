// Gives connections to a function as a route does, by itself: every byte still to be read, what it throws caught.

import type { IForwardConfig } from './forward-config.js';
import { ForwardingHandler, type IForwardingOptions } from './forwarding-handler.js';

export class SocketForwardingHandler extends ForwardingHandler {
  /** @throws ConfigError with every fault */
  constructor(config: IForwardConfig, options: IForwardingOptions = {}) {
    super('socket-handler', config, options);
  }
}
