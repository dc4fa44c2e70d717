// Events that are the whole group's, as plain data for the listeners of its admin interface.

import type { IAdminEvent, TAdminEventKind } from '../admin/view.js';
import { systemClock } from '../base/clock.js';
import type { IProxyWorkersEvents } from './types.js';

type TGroupKind = TAdminEventKind & keyof IProxyWorkersEvents;
type TTold = { readonly [K in TGroupKind]: (...args: IProxyWorkersEvents[K]) => object };

/** Of an emitter, what is needed to hear it. */
export interface IGroupEmitter {
  on<K extends TGroupKind>(name: K, listener: (...args: IProxyWorkersEvents[K]) => void): unknown;
  off<K extends TGroupKind>(name: K, listener: (...args: IProxyWorkersEvents[K]) => void): unknown;
}

const told: TTold = {
  'route-update': (plan) => plan,
  certificate: (event, worker) => ({ ...event, worker }),
  'target-down': (target, why, worker) => ({ target, why, worker }),
  'target-up': (target, worker) => ({ target, worker }),
  error: ({ code, message }, worker) => ({ code, message, worker }),
};

/** Gives the function that ends it; null: such events are the workers'. */
export function listenToGroup(
  source: IGroupEmitter,
  kind: TAdminEventKind,
  hear: (event: IAdminEvent) => void,
): (() => void) | null {
  return isOfGroup(kind) ? listen(source, kind, hear) : null;
}

const isOfGroup = (kind: TAdminEventKind): kind is TGroupKind => kind in told;

function listen<K extends TGroupKind>(source: IGroupEmitter, kind: K, hear: (event: IAdminEvent) => void): () => void {
  const listener = (...args: IProxyWorkersEvents[K]) =>
    hear({ kind, at: systemClock.wallMs(), data: told[kind](...args) });
  source.on(kind, listener);
  return () => source.off(kind, listener);
}
