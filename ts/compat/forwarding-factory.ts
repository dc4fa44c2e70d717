// Makes the forwarding handler that a configuration asks for.

import { ConfigError } from '../base/errors.js';
import { gotText } from '../config/faults.js';
import { DirectForwardingHandler } from './direct-handler.js';
import { forwardingTypes, type IForwardConfig, routeOfForwarding, type TForwardingType } from './forward-config.js';
import type { ForwardingHandler, IForwardingOptions } from './forwarding-handler.js';
import { HttpForwardingHandler } from './http-handler.js';
import { HttpsPassthroughHandler } from './https-passthrough-handler.js';
import { HttpsTerminateToHttpHandler } from './https-terminate-to-http-handler.js';
import { HttpsTerminateToHttpsHandler } from './https-terminate-to-https-handler.js';
import { SocketForwardingHandler } from './socket-handler.js';

type THandlerClass = new (config: IForwardConfig, options?: IForwardingOptions) => ForwardingHandler;

const classes: Readonly<Record<TForwardingType, THandlerClass>> = {
  'http-only': HttpForwardingHandler,
  'https-passthrough': HttpsPassthroughHandler,
  'https-terminate-to-http': HttpsTerminateToHttpHandler,
  'https-terminate-to-https': HttpsTerminateToHttpsHandler,
  direct: DirectForwardingHandler,
  'socket-handler': SocketForwardingHandler,
};

// biome-ignore lint/complexity/noStaticOnlyClass: programs know it as a class.
export class ForwardingHandlerFactory {
  /** @throws ConfigError with every fault */
  static createHandler(config: IForwardConfig, options: IForwardingOptions = {}): ForwardingHandler {
    const type: unknown = config?.type;
    if (!forwardingTypes.includes(type as TForwardingType)) {
      const want = `one of ${forwardingTypes.map((each) => `'${each}'`).join(', ')}`;
      throw new ConfigError([{ path: 'type', want, got: gotText(type) }]);
    }
    return new classes[config.type](config, options);
  }

  /** A copy with what is assumed where nothing is said. */
  static applyDefaults(config: IForwardConfig): IForwardConfig {
    const { type, http, acme, https } = config;
    const orders = type.startsWith('https-terminate') && https?.customCert === undefined;
    return {
      ...config,
      ...(type === 'http-only' ? { http: { ...http, enabled: true } } : {}),
      ...(orders ? { acme: { enabled: true, maintenance: true, production: false, ...acme } } : {}),
    };
  }

  /** @throws ConfigError with every fault, as making a handler does */
  static validateConfig(config: IForwardConfig, { domains, ...options }: IForwardingOptions = {}): void {
    routeOfForwarding(config, domains === undefined ? {} : { domains }, options);
  }
}
