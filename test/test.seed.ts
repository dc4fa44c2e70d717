// The names that programs know this package by: each is exported from its entry, is what it is said to be, and can be used.

import * as index from '../ts/index.js';
import * as utils from '../ts/utils.js';
import { expect, tap } from './helpers/tapbundle.js';

/** By entry: classes with the methods that are called, functions by name alone. */
const classes: Readonly<Record<string, readonly string[]>> = {
  SmartProxy: [
    'start',
    'stop',
    'updateRoutes',
    'plan',
    'explain',
    'addListeningPort',
    'removeListeningPort',
    'getListeningPorts',
  ],
  HttpProxy: ['start', 'stop', 'updateRouteConfigs', 'getMetrics', 'getListeningPort', 'handleConnection'],
  NetworkProxy: ['start', 'stop', 'handleConnection'],
  ProxyRouter: [
    ...['routeReq', 'routeReqWithDetails', 'setNewProxyConfigs', 'addProxyConfig', 'removeProxyConfig'],
    ...['getHostnames', 'getProxyConfigs'],
  ],
  NfTablesProxy: ['start', 'stop', 'stopSync', 'getStatus'],
  ConnectionManager: ['createConnection', 'cleanupConnection', 'initiateCleanupOnce'],
  SecurityManager: ['isIPAuthorized'],
  SmartCertManager: ['initialize', 'provisionAllCertificates'],
  CertificateManager: ['initialize', 'loadDefaultCertificatesAsync', 'getDefaultCertificates', 'getCertificate'],
  NFTablesManager: [],
  Port80Handler: [
    'start',
    'stop',
    'addDomain',
    'removeDomain',
    'getManagedDomains',
    'getCertificate',
    'renewCertificate',
  ],
  SslRedirect: ['start', 'stop'],
  DomainConfigManager: [
    ...['updateDomainConfigs', 'getDomainConfigs', 'findDomainConfig', 'findDomainConfigForPort'],
    ...['isPortInGlobalRanges', 'getTargetIP', 'getEffectiveIPRules'],
  ],
  RouteManager: ['updateRoutes', 'getRoutes', 'getListeningPorts', 'getRoutesForPort', 'findMatchingRoute'],
  SniHandler: [],
  WrappedSocket: ['parseProxyProtocol', 'write', 'destroy', 'on'],
  ProxyProtocolSocket: [],
  ForwardingHandler: ['initialize', 'handleConnection', 'handleHttpRequest', 'stop'],
  HttpForwardingHandler: ['handleConnection'],
  HttpsPassthroughHandler: ['handleConnection'],
  HttpsTerminateToHttpHandler: ['handleConnection'],
  HttpsTerminateToHttpsHandler: ['handleConnection'],
  DirectForwardingHandler: ['handleConnection'],
  SocketForwardingHandler: ['handleConnection'],
  ForwardingHandlerFactory: [],
  NftBaseError: [],
  NftValidationError: [],
  NftExecutionError: [],
  NftResourceError: [],
};

const statics: Readonly<Record<string, readonly string[]>> = {
  NfTablesProxy: ['cleanSlate'],
  SecurityManager: ['isIPAuthorized'],
  SniHandler: ['isTlsHandshake', 'isClientHello', 'extractSNI', 'handleFragmentedClientHello', 'processTlsPacket'],
  ForwardingHandlerFactory: ['createHandler', 'applyDefaults', 'validateConfig'],
};

const functions = [
  ...['createSocketWithErrorHandler', 'createIndependentSocketHandlers', 'setupBidirectionalForwarding'],
  ...['setupSocketHandlers', 'convertLegacyOptions', 'convertProxyConfigs'],
  ...['createHttpRoute', 'createHttpsTerminateRoute', 'createHttpsPassthroughRoute', 'createHttpToHttpsRedirect'],
  ...['createCompleteHttpsServer', 'createLoadBalancerRoute', 'createApiRoute', 'createWebSocketRoute'],
  ...['createPortMappingRoute', 'createOffsetPortMappingRoute', 'createDynamicRoute', 'createNfTablesRoute'],
  ...['createNfTablesTerminateRoute', 'createSocketHandlerRoute', 'addRateLimiting', 'addBasicAuth', 'addJwtAuth'],
  ...['mergeRouteConfigs', 'findMatchingRoutes', 'findBestMatchingRoute', 'validateRouteConfig', 'validateRoutes'],
];

const tools: Readonly<Record<string, readonly string[]>> = {
  AsyncMutex: [],
  CircuitBreaker: [],
  LifecycleComponent: ['cleanup'],
  BinaryHeap: ['isEmpty', 'peek', 'insert', 'extract'],
  EnhancedConnectionPool: [],
};

const toolFunctions = ['delay', 'retryWithBackoff', 'withTimeout', 'parallelLimit', 'debounceAsync'];

const fileSystem = [
  ...['exists', 'ensureDir', 'readFile', 'readFileBuffer', 'writeFile', 'readJSON', 'writeJSON', 'remove'],
  ...['copyFile', 'moveFile', 'removeDir'],
];

type TExports = Readonly<Record<string, unknown>>;

function lacking(entry: TExports, expected: Readonly<Record<string, readonly string[]>>): string[] {
  return Object.entries(expected).flatMap(([name, methods]) => {
    const found = entry[name];
    if (typeof found !== 'function') return [name];
    const prototype = found.prototype as Record<string, unknown>;
    return methods.filter((method) => typeof prototype[method] !== 'function').map((method) => `${name}.${method}`);
  });
}

tap.test('the classes are exported from the entry of the package, with their methods', () => {
  expect(lacking(index, classes)).toEqual([]);
  const absent = Object.entries(statics).flatMap(([name, methods]) => {
    const found = (index as TExports)[name] as Record<string, unknown>;
    return methods.filter((method) => typeof found[method] !== 'function').map((method) => `${name}.${method}`);
  });
  expect(absent).toEqual([]);
});

tap.test('so are the functions', () => {
  expect(functions.filter((name) => typeof (index as TExports)[name] !== 'function')).toEqual([]);
});

tap.test('the tools are exported from the entry for tools', () => {
  expect(lacking(utils, tools)).toEqual([]);
  expect(toolFunctions.filter((name) => typeof (utils as TExports)[name] !== 'function')).toEqual([]);
  const files = utils.AsyncFileSystem as unknown as Record<string, unknown>;
  expect(fileSystem.filter((name) => typeof files[name] !== 'function')).toEqual([]);
});

tap.test('a name that is missing would be told', () => {
  expect(lacking(index, { NoSuchClass: [], SmartProxy: ['noSuchMethod'] })).toEqual([
    'NoSuchClass',
    'SmartProxy.noSuchMethod',
  ]);
});

tap.test('names for the same thing are the same thing', () => {
  expect(index.NetworkProxy).toEqual(index.HttpProxy);
  // A record of a connection is a type: it is exported where this compiles.
  const record: Partial<index.IConnectionRecord> = {};
  expect(record).toEqual({});
});

tap.test('routes of the helpers are good ones with nothing more than they need', () => {
  const target = { host: 'localhost', port: 8080 };
  const certificate = 'internal';
  const ports = 8_443;
  const targetHost = 'localhost';
  const made = [
    index.createHttpRoute({ target }),
    index.createHttpsTerminateRoute({ target, certificate }),
    index.createHttpsPassthroughRoute({ domains: 'a.test', target }),
    index.createHttpToHttpsRedirect(),
    index.createLoadBalancerRoute({ ports, targets: [target, { ...target, port: 8081 }] }),
    index.createApiRoute({ target }),
    index.createWebSocketRoute({ target }),
    index.createPortMappingRoute({ ports, targetHost, portMapper: ({ port }) => port + 1 }),
    index.createOffsetPortMappingRoute({ ports, targetHost, offset: 1 }),
    index.createDynamicRoute({ ports, targetHost: () => 'localhost' }),
    index.createSocketHandlerRoute({ ports, socketHandler: (socket) => void socket.end() }),
    index.createNfTablesRoute({ ports, target: { host: '10.0.0.1', port: 80 } }),
    ...index.createCompleteHttpsServer({ domains: 'a.test', target, certificate }),
    ...index.createNfTablesTerminateRoute({ name: 'shop', terminatePort: 9_443, certificate, target }),
  ];
  const plain = index.createHttpRoute({ target });
  const guarded = [
    index.addRateLimiting(plain, { maxRequests: 10 }),
    index.addBasicAuth(plain, { users: { ann: 'word' } }),
    index.addJwtAuth(plain, { secret: 'x'.repeat(32), algorithms: ['HS256'] }),
  ];
  expect([...made, ...guarded].flatMap((route) => index.validateRouteConfig(route))).toEqual([]);
});

export default tap.start();
