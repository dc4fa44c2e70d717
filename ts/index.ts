// The names the world sees.

export type {
  IAdminCertificate,
  IAdminConnection,
  IAdminEvent,
  IAdminRoutes,
  IAdminStatus,
  IAdminTarget,
  IAdminWorker,
  IConnectionList,
  TAdminEventKind,
} from './admin/view.js';
export type { IClock, ITimer } from './base/clock.js';
export { ConfigError, errorTable, type IFault, ProxyError, type TBlame, type TErrorCode } from './base/errors.js';
export type { ILogger } from './base/logger.js';
export { CertificateDesk, type IDeskEntry } from './certificate-desk.js';
export type {
  IAriWindow,
  ICertificateEvent,
  ICertificateFailure,
  ICertificateStatus,
  ICertNeed,
  IChallengeSolver,
  TCertificateEventKind,
  TCertificateSource,
  TIssuanceState,
} from './certs/manager/manager-types.js';
export { SmartCertManager } from './certs/manager/smart-cert-manager.js';
export { FileCertStore, type IFileStoreOptions } from './certs/store/file-store.js';
export {
  CertificateManager,
  type ICertificateEntry,
  type ICertificateManagerOptions,
} from './compat/certificate-manager.js';
export { DirectForwardingHandler } from './compat/direct-handler.js';
export { DomainConfigManager, type IEffectiveIpRules } from './compat/domain-config-manager.js';
export type { IForwardConfig, TForwardingType } from './compat/forward-config.js';
export { ForwardingHandlerFactory } from './compat/forwarding-factory.js';
export {
  ForwardingHandler,
  ForwardingHandlerEvents,
  type IForwardingHandler,
  type IForwardingOptions,
} from './compat/forwarding-handler.js';
export { HttpForwardingHandler } from './compat/http-handler.js';
export { HttpsPassthroughHandler } from './compat/https-passthrough-handler.js';
export { HttpsTerminateToHttpHandler } from './compat/https-terminate-to-http-handler.js';
export { HttpsTerminateToHttpsHandler } from './compat/https-terminate-to-https-handler.js';
export { convertLegacyOptions } from './compat/legacy-options.js';
export type {
  ILegacyAcmeOptions,
  ILegacyDomainConfig,
  ILegacyOptions,
  ILegacyPortRange,
} from './compat/legacy-types.js';
export {
  type ICertificateData,
  type ICertificateExpiringData,
  type ICertificateFailureData,
  type IPort80HandlerEvents,
  type IPort80HandlerOptions,
  Port80Handler,
} from './compat/port80-handler.js';
export type { IDomainOptions, IPort80Forward } from './compat/port80-routes.js';
export { convertProxyConfigs } from './compat/proxy-configs.js';
export {
  type IRouteManagerOptions,
  type IRouteMatchResult,
  type IRouteQuery,
  RouteManager,
} from './compat/route-manager.js';
export { type ISniConnectionInfo, SniHandler } from './compat/sni-handler.js';
export { SocketForwardingHandler } from './compat/socket-handler.js';
export { type ISslRedirectOptions, SslRedirect } from './compat/ssl-redirect.js';
export type { IListeningPoint } from './config/change.js';
export { configJsonSchema } from './config/json-schema.js';
export * from './config/route-helpers.js';
export { mergeRouteConfigs, type TRouteOverride, validateRouteConfig, validateRoutes } from './config/route-tools.js';
export * from './config/types.js';
export type { Connection, IConnectionRecord } from './flow/connection.js';
export { ConnectionManager, type IConnectionManagerOptions } from './flow/connection-manager.js';
export { endTable, endWords, type TEnd, type TEndedBy, type TPhase } from './flow/ends.js';
export type { IExplainQuery, IExplanation } from './flow/explain.js';
export { formatExplanation } from './flow/explain.js';
export type { IShownCertificate } from './flow/explain-types.js';
export { SocketHandlers, type TLineListener } from './flow/forward/ready-handlers.js';
export type { IResolver } from './flow/forward/target-types.js';
export type { IRateLimitStore, IRateRule, IRateVerdict } from './flow/guard/rate-store.js';
export { SecurityManager } from './flow/guard/security-manager.js';
export { findBestMatchingRoute, findMatchingRoutes } from './flow/match/find-routes.js';
export { ProxyProtocolSocket } from './flow/peek/proxy-protocol-socket.js';
export { type TWrappedSocketMetadata, WrappedSocket } from './flow/peek/wrapped-socket.js';
export type { IPlan, IUpdateOptions } from './flow/plan.js';
export {
  createIndependentSocketHandlers,
  createSocketWithErrorHandler,
  type IPairHooks,
  type ISafeSocketOptions,
  setupBidirectionalForwarding,
  setupSocketHandlers,
  type TPairEnd,
  type TSocketClose,
} from './flow/socket-utils.js';
export type { IHostControl, IHostParts, IStopOptions } from './host-parts.js';
export {
  type IReverseProxyConfig,
  type IRoutableRequest,
  type IRouterResult,
  ProxyRouter,
} from './http/proxy-router.js';
export { HttpProxy, HttpProxy as NetworkProxy, type IHttpProxyOptions, type IHttpProxyRoute } from './http-proxy.js';
export {
  NftBaseError,
  NftExecutionError,
  NftResourceError,
  NftValidationError,
  type TLack,
} from './nftables/errors.js';
export type { IKernelConnection } from './nftables/kernel-records.js';
export { type INFTablesManagerParts, NFTablesManager } from './nftables/kernel-routes.js';
export type { IKernelCounts, IKernelRouteStatus, INfTablesStatus } from './nftables/kernel-status.js';
export type { INftOptions } from './nftables/nft.js';
export {
  type INfTablesProxyOptions,
  type INfTablesProxyStatus,
  type INfTablesTable,
  NfTablesProxy,
  type TNfTablesPorts,
} from './nftables/nftables-proxy.js';
export type { IRequestReport, ISmartProxyEvents } from './observe/events.js';
export type { IMetrics } from './observe/metrics-types.js';
export type { IStatistics } from './observe/statistics.js';
export { SmartProxy } from './smart-proxy.js';
export { ProxyWorkers } from './workers/proxy-workers.js';
export type {
  IProxyWorkersEvents,
  IProxyWorkersOptions,
  IWorkerInfo,
  IWorkersStatistics,
} from './workers/types.js';
export { runWorker } from './workers/worker-main.js';
