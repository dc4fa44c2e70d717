// The events of a proxy as plain data, for the listeners of its admin interface.

import type { TAdminEventKind } from './admin/view.js';
import type { ISmartProxyEvents } from './observe/events.js';

/** Of an emitter, what is needed to hear it. */
export interface IEventSource {
  on<K extends TAdminEventKind>(name: K, listener: (...args: ISmartProxyEvents[K]) => void): unknown;
  off<K extends TAdminEventKind>(name: K, listener: (...args: ISmartProxyEvents[K]) => void): unknown;
}

type TTold = { readonly [K in TAdminEventKind]: (...args: ISmartProxyEvents[K]) => object };

const told: TTold = {
  connection: (connection) => connection,
  'connection-end': (connection) => connection,
  request: (request) => request,
  'route-update': (plan) => plan,
  certificate: (event) => event,
  'target-down': (target, why) => ({ target, why }),
  'target-up': (target) => ({ target }),
  error: ({ code, message }) => ({ code, message }),
};

/** Gives the function that ends it. */
export function subscribe(
  source: IEventSource,
  kinds: ReadonlySet<TAdminEventKind>,
  hear: (kind: TAdminEventKind, data: object) => void,
): () => void {
  const stops = Array.from(kinds, (kind) => listen(source, kind, hear));
  return () => {
    for (const stop of stops) stop();
  };
}

function listen<K extends TAdminEventKind>(
  source: IEventSource,
  kind: K,
  hear: (kind: K, data: object) => void,
): () => void {
  const listener = (...args: ISmartProxyEvents[K]) => hear(kind, told[kind](...args));
  source.on(kind, listener);
  return () => source.off(kind, listener);
}
