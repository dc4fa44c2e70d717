// What every proxy of the HTTP rows does: routes by host and path, looks at the client's address, sets a field each way,
// tells the target about the client. A plan `{ http: true, target, identity? }` says where to, and how it is known over TLS.

/** The host that is asked for. */
export const host = 'bench.test';

/** Whose requests are served. */
export const allowed = '127.0.0.0/8';

/** Fields that are set on requests and on answers. */
export const requestField = { name: 'X-Route', value: 'site' };
export const answerField = { name: 'X-Served-By', value: 'bench' };

/** Our routes: the one that is used, and neighbours that must be told apart from it. */
export function httpRoutesOf({ target, identity, grpc }) {
  const tls = identity ? { tls: { mode: 'terminate', certificate: identity } } : {};
  const route = (name, match) => ({
    name,
    match: { ports: 0, ...match },
    action: { type: 'forward', target, ...tls, ...(grpc ? { backendProtocol: 'http2' } : {}) },
    security: { ipAllowList: [allowed] },
    headers: {
      request: { [requestField.name]: '{routeName}' },
      response: { [answerField.name]: answerField.value },
    },
  });
  return [
    route('api', { domains: host, path: '/api/*' }),
    route('site', { domains: host, path: '/*' }),
    route('other', { domains: '*.other.test', path: '/*' }),
  ];
}
