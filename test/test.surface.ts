// The names that the package exports at run time. Adding or removing one is a decision: it changes these lists.

import * as attack from '../ts/attack.js';
import * as index from '../ts/index.js';
import * as utils from '../ts/utils.js';
import { expect, tap } from './helpers/tapbundle.js';

const indexNames = [
  'CertificateDesk',
  'CertificateManager',
  'ConfigError',
  'ConnectionManager',
  'DirectForwardingHandler',
  'DomainConfigManager',
  'FileCertStore',
  'ForwardingHandler',
  'ForwardingHandlerEvents',
  'ForwardingHandlerFactory',
  'HttpForwardingHandler',
  'HttpProxy',
  'HttpsPassthroughHandler',
  'HttpsTerminateToHttpHandler',
  'HttpsTerminateToHttpsHandler',
  'NFTablesManager',
  'NetworkProxy',
  'NfTablesProxy',
  'NftBaseError',
  'NftExecutionError',
  'NftResourceError',
  'NftValidationError',
  'Port80Handler',
  'ProxyError',
  'ProxyProtocolSocket',
  'ProxyRouter',
  'RouteManager',
  'SecurityManager',
  'SmartCertManager',
  'SmartProxy',
  'SniHandler',
  'SocketForwardingHandler',
  'SocketHandlers',
  'SslRedirect',
  'WrappedSocket',
  'addBasicAuth',
  'addJwtAuth',
  'addRateLimiting',
  'configJsonSchema',
  'convertLegacyOptions',
  'convertProxyConfigs',
  'createApiRoute',
  'createCompleteHttpsServer',
  'createDynamicRoute',
  'createHttpRoute',
  'createHttpToHttpsRedirect',
  'createHttpsPassthroughRoute',
  'createHttpsTerminateRoute',
  'createIndependentSocketHandlers',
  'createLoadBalancerRoute',
  'createNfTablesRoute',
  'createNfTablesTerminateRoute',
  'createOffsetPortMappingRoute',
  'createPortMappingRoute',
  'createSocketHandlerRoute',
  'createSocketWithErrorHandler',
  'createWebSocketRoute',
  'endTable',
  'endWords',
  'errorTable',
  'findBestMatchingRoute',
  'findMatchingRoutes',
  'formatExplanation',
  'mergeRouteConfigs',
  'setupBidirectionalForwarding',
  'setupSocketHandlers',
  'validateRouteConfig',
  'validateRoutes',
];

const utilsNames = [
  'AsyncFileSystem',
  'AsyncMutex',
  'BinaryHeap',
  'CircuitBreaker',
  'EnhancedConnectionPool',
  'LifecycleComponent',
  'ProxyError',
  'debounceAsync',
  'delay',
  'loadDefaultCertificatesAsync',
  'parallelLimit',
  'retryWithBackoff',
  'withTimeout',
];

const attackNames = [
  'attackConfiguration',
  'attackFamilies',
  'entrancesOf',
  'formatAttackReport',
  'runAttacks',
  'startAttackOrigin',
];

tap.test('the entry of the package exports these names', async () => {
  expect(Object.keys(index).sort()).toEqual(indexNames);
});

tap.test('the entry for tools exports these names', async () => {
  expect(Object.keys(utils).sort()).toEqual(utilsNames);
});

tap.test('the entry for attacks exports these names', async () => {
  expect(Object.keys(attack).sort()).toEqual(attackNames);
});

tap.test('no export is empty', async () => {
  for (const [name, value] of Object.entries({ ...index, ...utils, ...attack })) {
    if (value === undefined || value === null) throw new Error(`${name} is ${value}`);
  }
});

export default tap.start();
