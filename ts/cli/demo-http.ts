// The part of the demonstration that shows HTTP: TLS that the proxy terminates, and each request routed by itself.

import {
  formatExplanation,
  type IRequestReport,
  type IRouteConfig,
  type IRouteTls,
  type SmartProxy,
} from '../index.js';
import { type IAnswer, type IHttpClient, type IHttpOrigin, openHttpClient } from './demo-http-world.js';
import { aligned, failed, indented } from './demo-text.js';
import { host as address, type IIdentity } from './demo-world.js';
import type { IHost } from './host.js';

const domain = 'shop.test';

/** They share the port with the routes of the first part. The certificate is given as text. */
export function httpRoutes({ port }: IHttpOrigin, identity: IIdentity): IRouteConfig[] {
  const tls: IRouteTls = { mode: 'terminate', certificate: identity };
  const target = { host: address, port };
  return [
    {
      name: 'api',
      match: { ports: 0, domains: domain, path: '/api/*' },
      action: { type: 'forward', target, tls, urlRewrite: { stripPrefix: '/api' } },
      headers: { request: { 'X-Client': '{clientIp}' }, response: { 'X-Served-By': 'smartproxy' } },
    },
    {
      name: 'feed',
      match: { ports: 0, domains: domain, path: '/feed' },
      action: { type: 'forward', target, tls },
    },
    {
      name: 'hello',
      match: { ports: 0, domains: domain, path: '/hello/:name' },
      action: {
        type: 'http-handler',
        httpHandler: (_request, { pathParams }) => new Response(`hello ${pathParams?.name}, by a function`),
        tls,
      },
    },
    {
      name: 'old',
      match: { ports: 0, domains: domain, path: '/old/*' },
      action: { type: 'redirect', redirect: { to: 'https://{domain}/api/' }, tls },
    },
  ];
}

export interface IShowHttp {
  readonly proxy: SmartProxy;
  readonly port: number;
  readonly origin: IHttpOrigin;
  readonly identity: IIdentity;
  readonly host: IHost;
  /** What the origin says first. */
  readonly line: string;
}

/** Gives the client's port, when its connection is about to end. */
export async function showHttp({ proxy, port, origin, identity, host, line }: IShowHttp): Promise<number> {
  const reports: IRequestReport[] = [];
  const hear = (report: IRequestReport): void => void reports.push(report);
  proxy.on('request', hear);
  const client = await openHttpClient(port, domain, identity).catch((error: Error) => {
    throw failed(`TLS for ${domain}: ${error.message}`);
  });
  try {
    const rows = [['request', 'status', 'route', 'target', 'the client gets']];
    for (const visit of visits(client, origin, line)) rows.push(await row(visit, reports));
    host.out(
      `\nThe TLS of ${domain} ends at the proxy, on the same port. One connection, each request routed by itself:\n`,
    );
    for (const text of aligned(rows)) host.out(`  ${text}`);
    host.out(
      '\nThe event stream came event by event: the origin sent the next one when the client had the one before.',
    );
    host.out('\nWhy the last one got 404:\n');
    host.out(indented(refusal(proxy, port)));
  } finally {
    proxy.off('request', hear);
    client.close();
  }
  return client.clientPort;
}

interface IVisit {
  readonly path: string;
  readonly status: number;
  /** That must take it; null: none. */
  readonly route: string | null;
  readonly ask: () => Promise<IAnswer>;
  /** What the client is to get, for people. */
  readonly got: (answer: IAnswer) => string;
  readonly want: string;
}

function visits(client: IHttpClient, origin: IHttpOrigin, line: string): IVisit[] {
  const visit = (
    path: string,
    status: number,
    route: string | null,
    want: string,
    more: Partial<IVisit> = {},
  ): IVisit => ({
    path,
    status,
    route,
    want,
    ask: () => client.get(path),
    got: ({ body }) => `"${body}"`,
    ...more,
  });
  return [
    visit('/api/users?page=2', 200, 'api', `"${line}, asked for /users?page=2 by ${address}"`),
    visit('/feed', 200, 'feed', '3 events, one at a time', {
      ask: () => client.get('/feed', origin.emit),
      got: ({ pieces }) => `${pieces} events, one at a time`,
    }),
    visit('/hello/you', 200, 'hello', '"hello you, by a function"'),
    visit('/old/page', 308, 'old', `Location: https://${domain}/api/`, {
      got: ({ fields }) => `Location: ${fields.location}`,
    }),
    visit('/nothing', 404, null, '"404 Not Found"'),
  ];
}

async function row({ path, status, route, ask, got, want }: IVisit, reports: IRequestReport[]): Promise<string[]> {
  const answer = await ask().catch((error: Error) => {
    throw failed(`GET ${path}: ${error.message}`);
  });
  const report = reports.at(-1);
  const text = got(answer);
  const isRight = answer.status === status && text === want && report?.path === path.split('?')[0];
  if (report === undefined || !isRight || report.route !== route) {
    throw failed(`GET ${path}: want ${status} ${want}, got ${answer.status} ${text} by the route ${report?.route}`);
  }
  const { target } = report;
  return [`GET ${path}`, String(status), route ?? '-', target === null ? '-' : `${target.host}:${target.port}`, text];
}

/** The steps from the request on; of each route of this name what failed, and nothing of the others. */
function refusal(proxy: SmartProxy, port: number): string {
  const explanation = proxy.explain({ port, clientIp: address, domain, path: '/nothing' });
  const from = explanation.steps.findIndex(({ text }) => text.startsWith('the request is'));
  const ours = explanation.steps.slice(from).filter(({ text }) => !/ (?:tls|domains) NO /.test(text));
  const steps = ours.map((step) => ({ ...step, text: withoutHeld(step.text) }));
  return formatExplanation({ ...explanation, steps });
}

/** Of a route's criteria those that held are left out. */
const withoutHeld = (text: string): string => text.replace(/\w+ ok \([^()]*\)(?:, )?/g, '').replace(/, $/, '');
