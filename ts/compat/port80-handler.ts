// The port of challenges by itself: it keeps certificates for names, forwards or redirects their plain requests, and serves no HTTPS.
//
// A proxy that listens nowhere has the names as routes and keeps the certificates; a server of our own gives it its connections.

import type { AddressInfo, Server } from 'node:net';
import { systemClock } from '../base/clock.js';
import { messageOf, ProxyError } from '../base/errors.js';
import { guardLogger, type ILogger, silentLogger } from '../base/logger.js';
import { storeOf } from '../certs/managed-certificates.js';
import type { ICertificateEvent } from '../certs/manager/manager-types.js';
import { readCertificates } from '../certs/manager/slots.js';
import type { ICertStore } from '../certs/store/store-types.js';
import type { IAcmeOptions, IRouteConfig, ISmartProxyOptions } from '../config/types.js';
import * as plugins from '../plugins.js';
import { SmartProxy } from '../smart-proxy.js';
import { type IDomainOptions, readDomain, routesOfDomain } from './port80-routes.js';

export interface IPort80HandlerOptions
  extends Pick<ISmartProxyOptions, 'logger' | 'certProvisionFunction' | 'certificateStore'> {
  /** Where it listens; authorities come to port 80. Default 80. */
  port?: number;
  /** Default: all addresses. */
  listenAddress?: string;
  /** Where an authority may write to. */
  contactEmail?: string;
  /** Default false: Let's Encrypt's staging. */
  useProduction?: boolean;
  /** Where redirects lead. Default 443. */
  httpsRedirectPort?: number;
  renewThresholdDays?: number;
  /** What else there is about orders: another authority, say. */
  acme?: IAcmeOptions;
}

/** What is told of a certificate. */
export interface ICertificateData {
  readonly domain: string;
  /** PEM of the chain. */
  readonly certificate: string;
  readonly privateKey: string;
  readonly expiryDate: Date;
}

export interface ICertificateFailureData {
  readonly domain: string;
  readonly error: string;
  /** There is a certificate, which was to be renewed. */
  readonly isRenewal: boolean;
}

export interface ICertificateExpiringData {
  readonly domain: string;
  readonly expiryDate: Date;
  readonly daysRemaining: number;
}

export interface IPort80HandlerEvents {
  'certificate-issued': [data: ICertificateData];
  'certificate-renewed': [data: ICertificateData];
  'certificate-failed': [data: ICertificateFailureData];
  'certificate-expiring': [data: ICertificateExpiringData];
  /** It listens on this port. */
  'manager-started': [port: number];
  'manager-stopped': [];
  error: [error: Error];
}

export class Port80Handler extends plugins.events.EventEmitter<IPort80HandlerEvents> {
  readonly #port: number;
  readonly #listenAddress: string | undefined;
  readonly #httpsPort: number;
  readonly #proxy: SmartProxy;
  readonly #store: ICertStore;
  readonly #logger: ILogger;
  readonly #domains = new Map<string, IDomainOptions>();
  readonly #certificates = new Map<string, ICertificateData>();
  #server: Server | null = null;
  #updating: Promise<void> = Promise.resolve();
  /** Has not begun. */
  #waiting: Promise<void> | null = null;

  /** @throws ConfigError with every fault */
  constructor(options: IPort80HandlerOptions = {}) {
    super();
    const { port = 80, httpsRedirectPort = 443, contactEmail, useProduction, renewThresholdDays } = options;
    const { certificateStore = './certs', logger, certProvisionFunction, listenAddress } = options;
    this.#port = port;
    this.#httpsPort = httpsRedirectPort;
    this.#listenAddress = listenAddress;
    this.#logger = logger === undefined ? silentLogger : guardLogger(logger);
    const store = typeof certificateStore === 'string' ? certificateStore : () => certificateStore;
    this.#store = storeOf(store, systemClock, this.#logger);
    const acme: IAcmeOptions = {
      ...(port === 0 ? {} : { challengePort: port }),
      challenges: ['http-01'],
      ...(contactEmail === undefined ? {} : { email: contactEmail }),
      ...(useProduction === undefined ? {} : { useProduction }),
      ...(renewThresholdDays === undefined ? {} : { renewBeforeDays: renewThresholdDays }),
      ...options.acme,
    };
    const given = {
      ...(logger === undefined ? {} : { logger }),
      ...(certProvisionFunction ? { certProvisionFunction } : {}),
    };
    const all = { ...given, acme, certificateStore: this.#store, routes: this.#routes(), useHttpProxy: [port] };
    this.#proxy = new SmartProxy(all, { listens: false });
    this.#proxy.on('certificate', (event) => this.#learn(event));
    this.#proxy.on('error', (error) => this.#failed(error));
  }

  /** Resolves when it listens and what the store has is in use. @throws ProxyError LISTEN_FAILED and those of the store */
  async start(): Promise<void> {
    await this.#proxy.start();
    const server = plugins.net.createServer((socket) => this.#proxy.handleConnection(socket, this.#port));
    try {
      await listen(server, this.#port, this.#listenAddress);
    } catch (cause) {
      await this.#proxy.stop({ graceMs: 0 });
      throw new ProxyError('LISTEN_FAILED', `cannot listen on port ${this.#port}: ${messageOf(cause)}`, { cause });
    }
    server.on('error', (error) => this.#failed(error));
    this.#server = server;
    this.emit('manager-started', this.getListeningPort());
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    server?.close();
    await this.#proxy.stop({ graceMs: 0 });
    if (server !== null) this.emit('manager-stopped');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** The port as it turned out; 0 while it does not listen. */
  getListeningPort(): number {
    return (this.#server?.address() as AddressInfo | null | undefined)?.port ?? 0;
  }

  /**
   * Adds a name, or changes what is done for it; its certificate is ordered when it is due. Resolves when that is in force.
   * @throws ConfigError with every fault, before it returns
   */
  addDomain(options: IDomainOptions): Promise<void> {
    const domain = readDomain(options);
    const { domainName } = domain;
    const before = this.#domains.get(domainName);
    this.#domains.set(domainName, domain);
    try {
      this.#proxy.plan(this.#routes());
    } catch (error) {
      if (before === undefined) this.#domains.delete(domainName);
      else this.#domains.set(domainName, before);
      throw error;
    }
    return this.#update();
  }

  /** Resolves when it is forgotten. What is stored of it stays. */
  removeDomain(domainName: string): Promise<void> {
    const name = domainName.toLowerCase();
    this.#certificates.delete(name);
    return this.#domains.delete(name) ? this.#update() : Promise.resolve();
  }

  getManagedDomains(): ReadonlyMap<string, IDomainOptions> {
    return new Map(this.#domains);
  }

  /** What is served for a name, by whoever asks here. */
  getCertificate(domainName: string): ICertificateData | null {
    return this.#certificates.get(domainName.toLowerCase()) ?? null;
  }

  /** Orders a new one now. @throws ProxyError CERTIFICATE_UNKNOWN, CERTIFICATE_FAILED, NOT_RUNNING */
  async renewCertificate(domainName: string): Promise<void> {
    await this.#proxy.certificates.renew(domainName.toLowerCase());
  }

  #routes(): IRouteConfig[] {
    const routes = [...this.#domains.values()].flatMap((domain) => {
      const hasCertificate = this.#certificates.has(domain.domainName);
      return routesOfDomain(domain, { port: this.#port, httpsPort: this.#httpsPort, hasCertificate });
    });
    const nobody: IRouteConfig = {
      name: 'nobody',
      match: { ports: this.#port },
      action: { type: 'respond', respond: { status: 404 } },
    };
    return [...routes, nobody];
  }

  /** What is asked for while one update is under way is done by the next, all at once. */
  #update(): Promise<void> {
    this.#waiting ??= this.#updating.then(() => {
      this.#waiting = null;
      return this.#apply();
    });
    this.#updating = this.#waiting;
    return this.#updating;
  }

  /** Never rejects: what it is made of was checked. */
  async #apply(): Promise<void> {
    try {
      await this.#proxy.updateRoutes(this.#routes());
    } catch (error) {
      if (!(error instanceof ProxyError && error.code === 'NOT_RUNNING')) this.#failed(error as Error);
    }
  }

  #learn(event: ICertificateEvent): void {
    const { kind, names, error, notAfter } = event;
    const [domain = ''] = names;
    if (kind === 'issued' || kind === 'renewed' || kind === 'loaded' || kind === 'swapped') {
      this.#take(domain, event).catch((cause: Error) => this.#failed(cause));
    } else if (kind === 'failed') {
      const isRenewal = this.#certificates.has(domain);
      this.emit('certificate-failed', { domain, error: error?.detail ?? 'no reason was given', isRenewal });
    } else if (kind === 'expiring' && notAfter !== null) {
      const daysRemaining = Math.max(0, Math.floor((notAfter - systemClock.wallMs()) / 86_400_000));
      this.emit('certificate-expiring', { domain, expiryDate: new Date(notAfter), daysRemaining });
    }
  }

  /** The events of a proxy name a certificate, but do not have it. */
  async #take(domain: string, { kind, id, issuer, serial }: ICertificateEvent): Promise<void> {
    const there = await readCertificates(this.#store, id, issuer === null ? [] : [issuer]);
    const stored = there.find(({ meta }) => meta.serial === serial);
    if (stored === undefined || !this.#domains.has(domain)) return;
    const { cert: certificate, key: privateKey, meta } = stored;
    const isFirst = !this.#certificates.has(domain);
    const data = { domain, certificate, privateKey, expiryDate: new Date(meta.notAfter) };
    this.#certificates.set(domain, data);
    if (isFirst) await this.#update();
    if (kind === 'issued' || kind === 'renewed') this.emit(`certificate-${kind}`, data);
  }

  #failed(error: Error): void {
    this.#logger.error({ error, why: messageOf(error) }, 'the port of challenges');
    if (this.listenerCount('error') > 0) this.emit('error', error);
  }
}

function listen(server: Server, port: number, host: string | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, ...(host === undefined ? {} : { host }) }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
