// What proxies hold of their targets, seen from within: leases and connections, summed over all proxies of this process.

import { TargetRegistry } from '../../ts/flow/forward/target-registry.js';
import { HttpFront } from '../../ts/http/front.js';
import type { IUpstreamStats } from '../../ts/http/upstream-types.js';

export interface IInnerParts extends Disposable {
  /** Connections, requests and dials that targets are counted with. */
  readonly leases: number;
  /** Connections to targets of HTTP, and what waits for one. */
  readonly upstreams: Pick<IUpstreamStats, 'open' | 'idle' | 'waiting'>;
}

/** Sees the proxies that are started after it. */
export function watchInnerParts(): IInnerParts {
  const registries = new Set<TargetRegistry>();
  const fronts = new Set<HttpFront>();
  const { attach } = TargetRegistry.prototype;
  const { take } = HttpFront.prototype;
  TargetRegistry.prototype.attach = function (...args) {
    registries.add(this);
    attach.apply(this, args);
  };
  HttpFront.prototype.take = function (visit) {
    fronts.add(this);
    take.call(this, visit);
  };
  return {
    get leases() {
      let sum = 0;
      for (const registry of registries) for (const { active } of registry.targets()) sum += active;
      return sum;
    },
    get upstreams() {
      const sum = { open: 0, idle: 0, waiting: 0 };
      for (const { upstreams } of fronts) {
        sum.open += upstreams.open;
        sum.idle += upstreams.idle;
        sum.waiting += upstreams.waiting;
      }
      return sum;
    },
    [Symbol.dispose]() {
      TargetRegistry.prototype.attach = attach;
      HttpFront.prototype.take = take;
    },
  };
}
