// Tools for programs around a proxy, most of which it uses itself: `@push.rocks/smartproxy/utils`.

export {
  AsyncMutex,
  debounceAsync,
  delay,
  type IDebounced,
  type IDelayOptions,
  type IRetryOptions,
  parallelLimit,
  retryWithBackoff,
  withTimeout,
} from './base/async-utils.js';
export { BinaryHeap } from './base/binary-heap.js';
export { CircuitBreaker, type ICircuitBreakerOptions, type TCircuitState } from './base/circuit-breaker.js';
export type { IClock, ITimer } from './base/clock.js';
export type {
  IAcquireOptions,
  IConnectionPoolEvents,
  IConnectionPoolOptions,
  IConnectionPoolStats,
  IFactoryContext,
  IPooledConnection,
} from './base/connection-pool-options.js';
export { EnhancedConnectionPool } from './base/enhanced-connection-pool.js';
export { ProxyError, type TBlame, type TErrorCode } from './base/errors.js';
export { AsyncFileSystem, type IListOptions, type IWriteOptions } from './base/fs-utils.js';
export {
  type ICleanable,
  type IListenOptions,
  LifecycleComponent,
  type TListener,
  type TListenTarget,
} from './base/lifecycle-component.js';
export type { TPoolListener } from './base/pool-events.js';
export { type IDefaultCertificates, loadDefaultCertificatesAsync } from './certs/default-certificates.js';
