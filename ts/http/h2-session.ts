// One HTTP/2 connection, of either role, behind the contract of h2-types.ts: its beginning, its timers, its end.

import type { ITimer } from '../base/clock.js';
import { h2Error, h2Preface } from '../codec/http2-frame.js';
import { h2Setting } from '../codec/http2-settings.js';
import { SharedRead } from '../flow/shared-read.js';
import { H2Core, type IH2Life } from './h2-core.js';
import type { TH2BudgetName } from './h2-limits.js';
import { H2Receiver } from './h2-receive.js';
import type { IH2SessionOptions } from './h2-session-options.js';
import type { IH2Session, IH2Stream, IH2StreamOwner } from './h2-types.js';

export type { IH2SessionOptions } from './h2-session-options.js';

export class H2Session implements IH2Session, IH2Life {
  readonly #options: IH2SessionOptions;
  readonly #core: H2Core;
  readonly #receiver: H2Receiver;
  #reader: SharedRead | null = null;
  #settingsTimer: ITimer | null = null;
  #partTimer: ITimer | null = null;
  #pings = false;

  constructor(options: IH2SessionOptions) {
    this.#options = options;
    this.#core = new H2Core(options, this);
    this.#receiver = new H2Receiver(this.#core);
  }

  get streams(): number {
    return this.#core.count;
  }

  get room(): number {
    const { peer, settled, count } = this.#core;
    if (!this.usable) return 0;
    return Math.max(0, (settled ? peer.maxConcurrentStreams : untoldStreams) - count);
  }

  get usable(): boolean {
    return !this.#core.over && !this.#core.drains;
  }

  get allowsConnectProtocol(): boolean {
    return this.#core.peer.enableConnectProtocol;
  }

  /** How often the peer did what is counted. */
  counted(name: TH2BudgetName): number {
    return this.#core.budget.total(name);
  }

  start(bytes: Buffer | null): void {
    const { socket, clock, limits } = this.#options;
    const { sender, isServer } = this.#core;
    if (!isServer) sender.writer.raw(h2Preface);
    sender.writer.settings(isServer ? this.#serverSettings() : this.#clientSettings());
    this.#receiver.start();
    sender.later();
    this.#settingsTimer = clock.setTimer(() => this.abort(h2Error.settingsTimeout, 'settings'), limits.settingsMs);
    if (bytes !== null) this.#receiver.read(bytes, true);
    if (this.#core.over) return;
    this.#reader = new SharedRead(socket, (chunk, owned) => this.#receiver.read(chunk, owned));
  }

  open(owner: IH2StreamOwner): IH2Stream | null {
    return this.room === 0 ? null : this.#core.makeStream(owner, 0);
  }

  flush(): void {
    this.#core.sender.flush();
  }

  drain(): void {
    this.#core.drain();
  }

  abort(code: number, why: string): void {
    this.#core.fail(code, why);
  }

  ping(limitMs: number): void {
    if (this.#pings || this.#core.over) return;
    this.#pings = true;
    this.#core.pings.send(limitMs, (answered) => {
      this.#pings = false;
      if (!answered) this.abort(h2Error.cancel, 'ping');
    });
  }

  lost(): void {
    this.#core.lost();
    this.coreEnded();
    this.#reader?.giveBack();
    this.#reader = null;
  }

  settingsKnown(): void {
    this.#settingsTimer?.cancel();
    this.#settingsTimer = null;
  }

  partly(isPart: boolean): void {
    const { clock, limits } = this.#options;
    this.#partTimer?.cancel();
    this.#partTimer = isPart
      ? clock.setTimer(() => this.abort(h2Error.enhanceYourCalm, 'header block'), limits.headerBlockMs)
      : null;
  }

  coreEnded(): void {
    this.settingsKnown();
    this.#partTimer?.cancel();
    this.#partTimer = null;
  }

  #serverSettings(): number[] {
    const { limits } = this.#options;
    const settings = [
      ...[h2Setting.maxConcurrentStreams, limits.maxConcurrentStreams],
      ...[h2Setting.initialWindowSize, limits.initialWindowBytes],
      ...[h2Setting.maxHeaderListSize, limits.maxHeaderBytes],
      ...[h2Setting.noRfc7540Priorities, 1],
    ];
    if (limits.allowConnectProtocol) settings.push(h2Setting.enableConnectProtocol, 1);
    return settings;
  }

  #clientSettings(): number[] {
    const { limits } = this.#options;
    return [
      ...[h2Setting.enablePush, 0],
      ...[h2Setting.initialWindowSize, limits.initialWindowBytes],
      ...[h2Setting.maxHeaderListSize, limits.maxHeaderBytes],
    ];
  }
}

/** Before a server's SETTINGS came there is no limit (RFC 9113 §6.5.2); it should be no less than this. */
const untoldStreams = 100;
