// A base class for what has a life: it remembers the timers, listeners and parts that a component begins, and ends
// them all with it.

import type { EventEmitter } from 'node:events';
import { maxDelayMs } from './clock.js';

/** What events can be heard of. */
export type TListenTarget = EventEmitter | EventTarget;

/** What is called at an event: with the emitter's arguments, or with the `Event` of an EventTarget. */
// biome-ignore lint/suspicious/noExplicitAny: only any[] lets handlers name the types of their own arguments
export type TListener = (...args: any[]) => void;

export interface IListenOptions {
  /** Ends by itself after the first event; false. */
  readonly once?: boolean;
}

/** A part that a component can end together with itself. */
export interface ICleanable {
  cleanup(): Promise<void>;
}

interface IListening {
  readonly event: string | symbol;
  readonly handler: TListener;
  /** Takes `handler` off the target. */
  readonly stop: () => void;
}

/**
 * Timers set through it do not keep the process alive. Listeners on targets that live shorter than the component must
 * be removed when the target goes, else the component holds on to it.
 */
export abstract class LifecycleComponent implements ICleanable {
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #listenings = new Map<TListenTarget, IListening[]>();
  readonly #children: ICleanable[] = [];
  #ending: Promise<void> | undefined;
  #ended = false;

  /** True from the first call of `cleanup()` on. */
  get isShuttingDown(): boolean {
    return this.#ending !== undefined;
  }

  /**
   * Ends the component: stops its timers, cleans up its children, the last registered first, calls `onCleanup()`, and
   * removes its listeners. Every call gives the same promise. A failing step does not stop the others; in the end it
   * rejects with an `AggregateError` of all failures.
   */
  cleanup(): Promise<void> {
    if (!this.#ending) {
      const { promise, resolve } = makeGate();
      this.#ending = promise;
      resolve(this.#end());
    }
    return this.#ending;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.cleanup();
  }

  /** What a component does of its own when it ends; its listeners are still there, its timers and children are not. */
  protected onCleanup(): Promise<void> | void {}

  /** As Node's, cut to 2^31-1 ms. When shutting down: a timer that never fires. */
  protected setTimeout(fire: () => void, delayMs: number): NodeJS.Timeout {
    if (this.isShuttingDown) return inertTimer();
    const timer = setTimeout(
      () => {
        this.#timers.delete(timer);
        fire();
      },
      Math.min(delayMs, maxDelayMs),
    );
    return this.#keepTimer(timer);
  }

  /** As Node's, cut to 2^31-1 ms. When shutting down: a timer that never fires. */
  protected setInterval(fire: () => void, periodMs: number): NodeJS.Timeout {
    if (this.isShuttingDown) return inertTimer();
    return this.#keepTimer(setInterval(fire, Math.min(periodMs, maxDelayMs)));
  }

  protected clearTimeout(timer: NodeJS.Timeout | undefined): void {
    if (!timer) return;
    clearTimeout(timer);
    this.#timers.delete(timer);
  }

  protected clearInterval(timer: NodeJS.Timeout | undefined): void {
    this.clearTimeout(timer);
  }

  /** Hears an event until it is removed or the component ends. When shutting down: does nothing. */
  protected addEventListener(
    target: TListenTarget,
    event: string | symbol,
    handler: TListener,
    { once = false }: IListenOptions = {},
  ): void {
    if (this.isShuttingDown) return;
    const listening: IListening = {
      event,
      handler,
      stop: listen(target, event, (...args) => {
        if (once) this.#stopListening(target, listening);
        Reflect.apply(handler, target, args);
      }),
    };
    const listenings = this.#listenings.get(target);
    if (listenings) listenings.push(listening);
    else this.#listenings.set(target, [listening]);
  }

  /** Takes off one listener that was added with these arguments, the last such one; others are not touched. */
  protected removeEventListener(target: TListenTarget, event: string | symbol, handler: TListener): void {
    const listening = this.#listenings
      .get(target)
      ?.findLast((candidate) => candidate.event === event && candidate.handler === handler);
    if (listening) this.#stopListening(target, listening);
  }

  /**
   * Takes a part on, which is cleaned up with the component. One that comes while the component shuts down is cleaned
   * up too; one that comes after that, at once, and what fails then is dropped.
   */
  protected registerChild(child: ICleanable): void {
    if (this.#ended) child.cleanup().catch(() => {});
    else this.#children.push(child);
  }

  /** Gives up a part that has ended or now belongs to somebody else. */
  protected unregisterChild(child: ICleanable): void {
    const place = this.#children.indexOf(child);
    if (place >= 0) this.#children.splice(place, 1);
  }

  async #end(): Promise<void> {
    const failures: unknown[] = [];
    const attempt = async (step: () => Promise<void> | void) => {
      try {
        await step();
      } catch (error) {
        failures.push(error);
      }
    };
    const endChildren = async () => {
      for (let child = this.#children.pop(); child; child = this.#children.pop()) {
        const current = child;
        await attempt(() => current.cleanup());
      }
    };
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    await endChildren();
    await attempt(() => this.onCleanup());
    await endChildren();
    this.#ended = true;
    for (const listenings of this.#listenings.values()) for (const { stop } of listenings) stop();
    this.#listenings.clear();
    if (failures.length > 0) throw new AggregateError(failures, `${failures.length} part(s) failed to clean up`);
  }

  #keepTimer(timer: NodeJS.Timeout): NodeJS.Timeout {
    this.#timers.add(timer);
    return timer.unref();
  }

  #stopListening(target: TListenTarget, listening: IListening): void {
    listening.stop();
    const listenings = this.#listenings.get(target);
    if (!listenings) return;
    const place = listenings.indexOf(listening);
    if (place >= 0) listenings.splice(place, 1);
    if (listenings.length === 0) this.#listenings.delete(target);
  }
}

/** A promise that can be handed out before what settles it has begun: `onCleanup` may call `cleanup()` itself. */
function makeGate(): { promise: Promise<void>; resolve: (outcome: Promise<void>) => void } {
  let resolve: (outcome: Promise<void>) => void = () => {};
  const promise = new Promise<void>((onDone) => {
    resolve = onDone;
  });
  return { promise, resolve };
}

function listen(target: TListenTarget, event: string | symbol, registered: TListener): () => void {
  if (target instanceof EventTarget) {
    const name = String(event);
    target.addEventListener(name, registered);
    return () => target.removeEventListener(name, registered);
  }
  target.on(event, registered);
  return () => void target.removeListener(event, registered);
}

function inertTimer(): NodeJS.Timeout {
  const timer = setTimeout(() => {}, 0);
  clearTimeout(timer);
  return timer;
}
