// What a group of processes can be asked while it runs: the questions of SmartProxy, by promises.

import type { ICertificateStatus } from '../certs/manager/manager-types.js';
import type { IConnectionRecord } from '../flow/connection.js';
import type { IExplainQuery, IExplanation } from '../flow/explain.js';
import type { INfTablesStatus } from '../nftables/kernel-status.js';
import * as plugins from '../plugins.js';
import { type Asking, askView } from './asking.js';
import type { IProxyWorkersEvents } from './types.js';

const askWithinMs = 10_000;
/** Authorities take their time. */
const orderWithinMs = 900_000;

export abstract class AskedWorkers extends plugins.events.EventEmitter<IProxyWorkersEvents> {
  protected abstract get asking(): Asking;

  /** Snapshots of the live connections of all workers. */
  async getConnections(): Promise<IConnectionRecord[]> {
    const lists = await this.asking.each(({ wire }) => wire.ask('connections', null, askWithinMs));
    return lists.flatMap(({ answer }) => answer);
  }

  /** As the first worker sees it. @throws as `SmartProxy.getCertificateStatus` */
  async getCertificateStatus(route: string): Promise<readonly ICertificateStatus[]> {
    return (await this.asking.first(({ wire }) => wire.ask('certificateStatus', route, askWithinMs))).answer;
  }

  /** One worker orders, all serve. @throws as `SmartProxy.provisionCertificate` */
  async provisionCertificate(route: string): Promise<void> {
    await this.#order(route, false);
  }

  /** @throws as `SmartProxy.renewCertificate` */
  async renewCertificate(route: string): Promise<void> {
    await this.#order(route, true);
  }

  /** What the kernel forwards, asked just now. @throws as `SmartProxy.getNfTablesStatus` */
  async getNfTablesStatus(): Promise<INfTablesStatus> {
    // The others have no rules.
    return await this.asking.of(1, ({ wire }) => wire.ask('nfTablesStatus', null, askWithinMs));
  }

  /**
   * Why a connection would be treated as it would, by one worker, whose limits and targets it goes by.
   * @throws ConfigError with every fault of the query; ProxyError NOT_RUNNING
   */
  async explain(query: IExplainQuery): Promise<IExplanation> {
    const { answer } = await this.asking.first((worker) => askView(worker, 'explain', query));
    const { text: _, ...explanation } = answer as IExplanation & { readonly text: string };
    return explanation;
  }

  async #order(route: string, anew: boolean): Promise<void> {
    await this.asking.first(({ wire }) => wire.ask('orderCertificate', { route, anew }, orderWithinMs));
  }
}
