// What a domain of a Port80Handler asks for, as routes.

import { ConfigError, type IFault } from '../base/errors.js';
import type { IRouteConfig, ITarget } from '../config/types.js';
import { OldShape } from './old-shape.js';

/** Where plain requests go. */
export interface IPort80Forward {
  ip: string;
  port: number;
}

/** What is done for one name on the port of challenges. */
export interface IDomainOptions {
  domainName: string;
  /** Send requests to HTTPS, once there is a certificate if one is kept. */
  sslRedirect: boolean;
  /** Order a certificate for it, and renew that. */
  acmeMaintenance: boolean;
  /** Send requests there, instead. */
  forward?: IPort80Forward;
  /** Send the challenges of others there. */
  acmeForward?: IPort80Forward;
}

export interface IPort80Places {
  /** Where challenges are answered. */
  readonly port: number;
  /** Where HTTPS is. */
  readonly httpsPort: number;
  /** The name has a certificate. */
  readonly hasCertificate: boolean;
}

/** @throws ConfigError with every fault that shows before there are routes */
export function readDomain(options: IDomainOptions): IDomainOptions {
  const faults: IFault[] = [];
  const shape = new OldShape(options, '', faults);
  const domainName = shape.text('domainName', { needed: true }) ?? '';
  const forward = readForward(shape.shape('forward'));
  const acmeForward = readForward(shape.shape('acmeForward'));
  const read = {
    domainName: domainName.toLowerCase(),
    sslRedirect: shape.flag('sslRedirect') ?? false,
    acmeMaintenance: shape.flag('acmeMaintenance') ?? false,
    ...(forward === null ? {} : { forward }),
    ...(acmeForward === null ? {} : { acmeForward }),
  };
  shape.done();
  if (faults.length > 0) throw new ConfigError(faults);
  return read;
}

function readForward(shape: OldShape | null): IPort80Forward | null {
  if (shape === null) return null;
  const forward = { ip: shape.text('ip', { needed: true }) ?? '', port: shape.port('port', { needed: true }) ?? 0 };
  shape.done();
  return forward;
}

/** Each has the domain's name in front of its own. */
export function routesOfDomain(domain: IDomainOptions, places: IPort80Places): IRouteConfig[] {
  const { domainName: name, acmeMaintenance, acmeForward } = domain;
  const match = { ports: places.port, domains: name };
  const routes: IRouteConfig[] = [{ name: `${name} http`, match, action: actionOf(domain, places) }];
  if (acmeForward !== undefined) {
    const path = '/.well-known/acme-challenge/*';
    const action = { type: 'forward', target: targetOf(acmeForward) } as const;
    routes.push({ name: `${name} challenges`, match: { ...match, path }, action });
  }
  if (acmeMaintenance) {
    // Nothing listens on that port: the route is there for its certificate.
    routes.push({
      name: `${name} certificate`,
      match: { ports: certificatePort, domains: name },
      action: { type: 'respond', respond: { status: 404 }, tls: { mode: 'terminate', certificate: 'auto' } },
    });
  }
  return routes;
}

function actionOf(
  { sslRedirect, acmeMaintenance, forward }: IDomainOptions,
  { httpsPort, hasCertificate }: IPort80Places,
): IRouteConfig['action'] {
  if (forward !== undefined) return { type: 'forward', target: targetOf(forward), retry: { attempts: 1 } };
  if (acmeMaintenance && !hasCertificate) {
    const headers = { 'retry-after': '10' };
    return { type: 'respond', respond: { status: 503, headers, body: 'there is no certificate yet\n' } };
  }
  if (!sslRedirect) return { type: 'respond', respond: { status: 404 } };
  const to = `https://{domain}${httpsPort === 443 ? '' : `:${httpsPort}`}{path}`;
  return { type: 'redirect', redirect: { to, status: 301 } };
}

const targetOf = ({ ip, port }: IPort80Forward): ITarget => ({ host: ip, port });

/** Of routes that nothing listens for. */
const certificatePort = 443;
