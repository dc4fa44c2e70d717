// Chromium without a window, led by its debugging protocol: a page, what it asks for and what it complains of.

import WebSocket from 'ws';
import { makeFolder } from './make-folder.js';
import { startProcess } from './rig-process.js';

export interface IPage extends AsyncDisposable {
  /** Runs an expression in the page and gives its value, that of a promise once it is there. */
  evaluate<T = unknown>(expression: string): Promise<T>;
  /** Resolves when an expression is truthy in the page; it may survive a navigation. */
  until(expression: string): Promise<void>;
  send(method: string, params?: object): Promise<Record<string, unknown>>;
  /** URLs that the page asked for. */
  readonly requests: string[];
  /** Errors, exceptions and violations of its policy. */
  readonly complaints: string[];
}

interface IMessage {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Record<string, never>;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly message: string };
}

export interface IPageOptions {
  readonly width?: number;
  readonly height?: number;
  readonly scheme?: 'light' | 'dark';
}

const flags = [
  ...[
    '--headless=new',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-dev-shm-usage',
    '--no-first-run',
    '--no-proxy-server',
  ],
  ...[
    '--disable-breakpad',
    '--disable-background-networking',
    '--disable-component-update',
    '--remote-debugging-port=0',
  ],
];

/** Opens a page; `needs('chromium')` comes before. */
export async function openPage(url: string, options: IPageOptions = {}): Promise<IPage> {
  const { width = 1200, height = 900, scheme = 'light' } = options;
  const folder = await makeFolder();
  const browser = await startProcess('chromium', [...flags, `--user-data-dir=${folder.path}/profile`, 'about:blank'], {
    env: { ...process.env, HOME: folder.path },
    ready: /DevTools listening on ws:\S+/,
    withinMs: 50_000,
  });
  const [, address = ''] = /DevTools listening on (ws:\S+)/.exec(browser.output()) ?? [];
  const socket = new WebSocket(address);
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  const waiting = new Map<number, (message: IMessage) => void>();
  const requests: string[] = [];
  const complaints: string[] = [];
  socket.on('message', (data) => {
    const message = JSON.parse(String(data)) as IMessage;
    if (message.id !== undefined) waiting.get(message.id)?.(message);
    const params = message.params as unknown;
    if (message.method === 'Network.requestWillBeSent') {
      requests.push((params as { request: { url: string } }).request.url);
    }
    if (message.method === 'Log.entryAdded' || message.method === 'Runtime.exceptionThrown') {
      complaints.push(JSON.stringify(params));
    }
  });
  let ids = 0;
  let sessionId: string | undefined;
  const send = async (method: string, params: object = {}): Promise<Record<string, unknown>> => {
    const id = ++ids;
    const answered = new Promise<IMessage>((resolve) => waiting.set(id, resolve));
    socket.send(JSON.stringify({ id, method, params, sessionId }));
    const { result = {}, error } = await answered;
    waiting.delete(id);
    if (error !== undefined) throw new Error(`${method}: ${error.message}`);
    return result;
  };
  const { targetId } = await send('Target.createTarget', { url: 'about:blank' });
  ({ sessionId } = (await send('Target.attachToTarget', { targetId, flatten: true })) as { sessionId: string });
  for (const domain of ['Network', 'Log', 'Runtime', 'Page']) await send(`${domain}.enable`);
  await send('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: width < 600 });
  await send('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: scheme }] });
  await send('Page.navigate', { url });
  const evaluate = async <T>(expression: string): Promise<T> => {
    const given = { expression, awaitPromise: true, returnByValue: true, userGesture: true };
    const { result, exceptionDetails } = await send('Runtime.evaluate', given);
    if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails));
    return (result as { value: T }).value;
  };
  return {
    evaluate,
    send,
    requests,
    complaints,
    async until(expression) {
      const startMs = performance.now();
      while (!(await evaluate(expression).catch(() => false))) {
        if (performance.now() - startMs < 50_000) {
          await new Promise((resolve) => setTimeout(resolve, 50));
          continue;
        }
        const text = await evaluate('document.body.innerText').catch(String);
        throw new Error(`never ${expression}; ${complaints.join('\n')}; the page says:\n${text}`);
      }
    },
    async [Symbol.asyncDispose]() {
      socket.terminate();
      await browser[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}
