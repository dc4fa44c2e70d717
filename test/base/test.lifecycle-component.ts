import { EventEmitter } from 'node:events';
import {
  type ICleanable,
  type IListenOptions,
  LifecycleComponent,
  type TListener,
  type TListenTarget,
} from '../../ts/base/lifecycle-component.js';
import { expect, tap } from '../helpers/tapbundle.js';

/** Opens the protected words to the tests. */
class Component extends LifecycleComponent {
  readonly steps: string[] = [];
  onEnd: () => Promise<void> | void = () => {};

  after = (fire: () => void, ms: number) => this.setTimeout(fire, ms);
  repeat = (fire: () => void, ms: number) => this.setInterval(fire, ms);
  stopTimer = (timer: NodeJS.Timeout | undefined) => this.clearTimeout(timer);
  stopInterval = (timer: NodeJS.Timeout | undefined) => this.clearInterval(timer);
  listen = (target: TListenTarget, event: string | symbol, handler: TListener, options?: IListenOptions) =>
    this.addEventListener(target, event, handler, options);
  unlisten = (target: TListenTarget, event: string | symbol, handler: TListener) =>
    this.removeEventListener(target, event, handler);
  adopt = (child: ICleanable) => this.registerChild(child);
  giveUp = (child: ICleanable) => this.unregisterChild(child);

  protected override async onCleanup(): Promise<void> {
    this.steps.push('onCleanup');
    await this.onEnd();
  }
}

const child = (cleanup: () => void): ICleanable => ({ cleanup: async () => cleanup() });

tap.test('timers fire, can be cleared, and do not hold the process', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  await using component = new Component();
  const fired: string[] = [];
  component.after(() => fired.push('once'), 10);
  component.stopTimer(component.after(() => fired.push('never'), 10));
  const interval = component.repeat(() => fired.push('tick'), 20);
  t.mock.timers.tick(45);
  expect(fired).toEqual(['once', 'tick', 'tick']);
  component.stopInterval(interval);
  component.stopTimer(undefined);
  t.mock.timers.tick(100);
  expect(fired).toHaveLength(3);
});

tap.test('its timers do not keep the process alive', async () => {
  await using component = new Component();
  expect(component.after(() => {}, 60_000).hasRef()).toBeFalse();
  expect(component.repeat(() => {}, 60_000).hasRef()).toBeFalse();
});

tap.test('delays beyond what Node can wait do not fire at once', async () => {
  let fired = 0;
  await using component = new Component();
  component.after(() => fired++, 2 ** 31);
  component.after(() => fired++, Number.POSITIVE_INFINITY);
  component.repeat(() => fired++, 2 ** 40);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(fired).toEqual(0);
});

tap.test('after cleanup no timer fires and no listener remains', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  const component = new Component();
  const emitter = new EventEmitter();
  const target = new EventTarget();
  let calls = 0;
  const count = () => calls++;
  component.after(count, 10);
  component.repeat(count, 10);
  component.listen(emitter, 'a', count);
  component.listen(emitter, 'a', count);
  component.listen(emitter, 'b', count, { once: true });
  component.listen(target, 'a', count);
  await component.cleanup();
  t.mock.timers.tick(1000);
  emitter.emit('a');
  emitter.emit('b');
  target.dispatchEvent(new Event('a'));
  expect(calls).toEqual(0);
  expect([emitter.listenerCount('a'), emitter.listenerCount('b')]).toEqual([0, 0]);
});

tap.test('the process holds no more timers after cleanup than before', async () => {
  const alive = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  const before = alive();
  const component = new Component();
  // Ref'd, so that getActiveResourcesInfo counts them.
  for (let index = 0; index < 10; index++) {
    component.after(() => {}, 60_000).ref();
    component.repeat(() => {}, 60_000).ref();
  }
  expect(alive()).toEqual(before + 20);
  await component.cleanup();
  expect(alive()).toEqual(before);
});

tap.test('listeners hear emitters and event targets, once if asked', async () => {
  await using component = new Component();
  const emitter = new EventEmitter();
  const target = new EventTarget();
  const heard: unknown[] = [];
  component.listen(emitter, 'data', (...args) => heard.push(args));
  component.listen(emitter, 'end', () => heard.push('end'), { once: true });
  component.listen(target, 'go', (event: Event) => heard.push(event.type), { once: true });
  emitter.emit('data', 1, 2);
  emitter.emit('end');
  emitter.emit('end');
  target.dispatchEvent(new Event('go'));
  target.dispatchEvent(new Event('go'));
  expect(heard).toEqual([[1, 2], 'end', 'go']);
  expect(emitter.listenerCount('end')).toEqual(0);
});

tap.test('a handler runs with its target as this', async () => {
  await using component = new Component();
  const emitter = new EventEmitter();
  let self: unknown;
  component.listen(emitter, 'a', function (this: unknown) {
    self = this;
  });
  emitter.emit('a');
  expect(self).toBe(emitter);
});

tap.test('removing a listener removes one of its kind and leaves strangers alone', async () => {
  await using component = new Component();
  const emitter = new EventEmitter();
  const symbol = Symbol('event');
  const handler = () => {};
  emitter.on('a', handler);
  component.listen(emitter, 'a', handler);
  component.listen(emitter, 'a', handler, { once: true });
  component.listen(emitter, symbol, handler);
  component.unlisten(emitter, 'a', handler);
  expect(emitter.listenerCount('a')).toEqual(2);
  component.unlisten(emitter, 'a', handler);
  component.unlisten(emitter, 'a', handler);
  expect(emitter.listeners('a')).toEqual([handler]);
  component.unlisten(new EventEmitter(), 'a', handler);
  component.unlisten(emitter, symbol, handler);
  expect(emitter.listenerCount(symbol)).toEqual(0);
});

tap.test('children end in reverse order, then onCleanup runs', async () => {
  const component = new Component();
  const { steps } = component;
  const stray = child(() => steps.push('stray'));
  component.adopt(child(() => steps.push('first')));
  component.adopt(stray);
  component.adopt(child(() => steps.push('last')));
  component.giveUp(stray);
  component.giveUp(stray);
  await component.cleanup();
  expect(steps).toEqual(['last', 'first', 'onCleanup']);
});

tap.test('listeners are still there while onCleanup runs', async () => {
  const component = new Component();
  const emitter = new EventEmitter();
  let heard = 0;
  component.listen(emitter, 'error', () => heard++);
  component.onEnd = () => void emitter.emit('error', new Error('while closing'));
  await component.cleanup();
  expect(heard).toEqual(1);
  expect(emitter.listenerCount('error')).toEqual(0);
});

tap.test('cleanup runs once however often it is called', async () => {
  const component = new Component();
  component.onEnd = () => void component.cleanup();
  expect(component.isShuttingDown).toBeFalse();
  const first = component.cleanup();
  expect(component.isShuttingDown).toBeTrue();
  expect(component.cleanup()).toBe(first);
  await first;
  await component.cleanup();
  expect(component.steps).toEqual(['onCleanup']);
});

tap.test('failures stop nothing and come out together', async () => {
  const component = new Component();
  const emitter = new EventEmitter();
  const failing = (message: string) =>
    child(() => {
      throw new Error(message);
    });
  component.listen(emitter, 'a', () => {});
  component.adopt(child(() => component.steps.push('child')));
  component.adopt(failing('one'));
  component.adopt(failing('two'));
  component.onEnd = () => {
    throw new Error('three');
  };
  const error = (await component.cleanup().catch((reason: unknown) => reason)) as AggregateError;
  expect(error).toBeInstanceOf(AggregateError);
  expect(error.errors.map((each: Error) => each.message)).toEqual(['two', 'one', 'three']);
  expect(component.steps).toEqual(['child', 'onCleanup']);
  expect(emitter.listenerCount('a')).toEqual(0);
});

tap.test('when shutting down, timers are inert, listeners are not added, children are cleaned up', async () => {
  const component = new Component();
  const emitter = new EventEmitter();
  const fired: string[] = [];
  component.onEnd = () => {
    component.after(() => fired.push('timeout'), 0);
    component.repeat(() => fired.push('interval'), 0);
    component.listen(emitter, 'a', () => {});
    component.adopt(child(() => fired.push('late child')));
  };
  await component.cleanup();
  const timer = component.after(() => fired.push('timeout'), 0);
  component.stopTimer(timer.ref().unref());
  component.adopt(child(() => fired.push('later child')));
  component.adopt(
    child(() => {
      throw new Error('dropped');
    }),
  );
  await new Promise((resolve) => setTimeout(resolve, 10));
  expect(fired).toEqual(['late child', 'later child']);
  expect(emitter.listenerCount('a')).toEqual(0);
});

tap.test('await using ends the component at the end of its block', async () => {
  const component = new Component();
  {
    await using used = component;
    expect(used.isShuttingDown).toBeFalse();
  }
  expect(component.steps).toEqual(['onCleanup']);
});

export default tap.start();
