// What a running proxy tells: sentences for people, or on standard output a line of JSON for each event.

import type { IPlan } from '../index.js';
import { ConfigFileError } from './faults.js';
import type { IHost } from './host.js';

export interface IReportOptions {
  readonly host: IHost;
  readonly json: boolean;
}

export class Report {
  readonly #host: IHost;
  readonly #json: boolean;

  constructor({ host, json }: IReportOptions) {
    this.#host = host;
    this.#json = json;
  }

  /** `admin`: where its interface is; null: it has none. */
  listening(ports: readonly number[], what: string, admin: { address: string; port: number } | null = null): void {
    const where = ports.length === 0 ? 'no port' : `port ${portsText(ports)}`;
    const place = admin && { host: admin.address, port: admin.port };
    this.#tell('listening', { ports, pid: process.pid, admin: place }, `listening on ${where}: ${what}`);
    if (place === null || this.#json) return;
    const host = place.host.includes(':') ? `[${place.host}]` : place.host;
    this.#host.out(`admin interface on http://${host}:${place.port}/`);
  }

  /** `unused`: options that changed in the file and are read at the start only. */
  reloaded(plan: IPlan, ports: readonly number[], unused: readonly string[]): void {
    const { added, removed, changed } = plan.routes;
    const counts = `${added.length} added, ${changed.length} changed, ${removed.length} removed`;
    const { stay } = plan.connections;
    const text = `reloaded: routes: ${counts}; listening on ${portsText(ports) || 'no port'}; ${countOf(stay, 'connection')} kept`;
    this.#tell('reloaded', { routes: plan.routes, connections: plan.connections, ports, unused }, text);
    if (unused.length > 0 && !this.#json) {
      this.#host.err(`smartproxy: only routes are reloaded; changed, and used after a restart: ${unused.join(', ')}`);
    }
  }

  reloadFailed(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    const faults = error instanceof ConfigFileError ? { faults: error.faults } : {};
    if (this.#json) this.#tell('reload-failed', { message, ...faults }, '');
    else this.#host.err(`smartproxy: not reloaded, the routes in force stay: ${message}`);
  }

  stopping(connections: number): void {
    const text =
      connections === 0
        ? 'stopping'
        : `stopping: ${countOf(connections, 'connection')} may finish; a second signal ends everything at once`;
    this.#tell('stopping', { connections }, text);
  }

  stopped(): void {
    this.#tell('stopped', {}, 'stopped');
  }

  #tell(event: string, facts: object, text: string): void {
    this.#host.out(this.#json ? JSON.stringify({ event, ...facts }) : text);
  }
}

/** `80, 443, 8000-8010`; the numbers ascend. */
export function portsText(ports: readonly number[]): string {
  const spans: { from: number; to: number }[] = [];
  for (const port of ports) {
    const last = spans.at(-1);
    if (last?.to === port - 1) last.to = port;
    else spans.push({ from: port, to: port });
  }
  return spans.map(({ from, to }) => (from === to ? `${from}` : `${from}-${to}`)).join(', ');
}

export const countOf = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;
