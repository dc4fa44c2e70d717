// Asks the admin interface of a running proxy.

import type { IncomingMessage } from 'node:http';
import * as plugins from '../plugins.js';
import type { IAdminPlace } from './admin-place.js';
import { CommandError } from './host.js';
import { printable } from './printable.js';

/** Without a byte from there. An update of many routes takes its time. */
const patienceMs = 60_000;

const maxAnswerBytes = 64 * 1024 * 1024;

export class AdminClient {
  readonly #place: IAdminPlace;

  constructor(place: IAdminPlace) {
    this.#place = place;
  }

  /** @throws CommandError */
  async json<T>(method: 'GET' | 'POST', path: string, body?: object): Promise<T> {
    const text = await this.text(method, path, body);
    try {
      return JSON.parse(text) as T;
    } catch {
      throw new CommandError(2, `${this.#name} does not answer as a proxy does`);
    }
  }

  /** @throws CommandError */
  async text(method: 'GET' | 'POST', path: string, body?: object): Promise<string> {
    const { status, content } = await this.#ask(method, path, body).catch((error: NodeJS.ErrnoException) => {
      const refused =
        error.code === 'ECONNREFUSED' ? ': is a proxy running there, with --admin?' : `: ${error.message}`;
      throw new CommandError(2, `cannot reach ${this.#name}${refused}`);
    });
    if (status >= 200 && status < 300) return content;
    throw this.#failure(status, content);
  }

  get #name(): string {
    const { host, port } = this.#place;
    return `the admin interface at ${host.includes(':') ? `[${host}]` : host}:${port}`;
  }

  async #ask(method: string, path: string, body?: object): Promise<{ status: number; content: string }> {
    const { host, port, token } = this.#place;
    const content = body === undefined ? null : JSON.stringify(body);
    const headers = {
      ...(method === 'GET' ? {} : { 'content-type': 'application/json' }),
      ...(content === null ? {} : { 'content-length': Buffer.byteLength(content) }),
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
    };
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const given = { host, port, method, path, headers, agent: false, timeout: patienceMs } as const;
      const asked = plugins.requireHttp().request(given, resolve);
      asked.on('timeout', () => asked.destroy(new Error(`no answer within ${patienceMs / 1000} s`)));
      asked.on('error', reject);
      asked.end(content ?? undefined);
    });
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > maxAnswerBytes) throw new Error(`more than ${maxAnswerBytes} bytes come`);
      chunks.push(chunk);
    }
    return { status: response.statusCode ?? 0, content: Buffer.concat(chunks).toString() };
  }

  #failure(status: number, content: string): CommandError {
    const { code, message } = errorOf(content);
    if (status === 401) {
      const how = 'give it by --token-file or in SMARTPROXY_ADMIN_TOKEN';
      const what = this.#place.token === null ? 'wants a token' : 'has another token';
      return new CommandError(1, `${this.#name} ${what}: ${how}`);
    }
    const said = message === '' ? `answers with ${status}` : `says: ${printable(message)}`;
    // A reload reads a file of the proxy's own: its faults are as much the user's.
    return new CommandError(status >= 500 && code !== 'CONFIG_INVALID' ? 2 : 1, `${this.#name} ${said}`);
  }
}

function errorOf(content: string): { readonly code: string; readonly message: string } {
  try {
    const { error } = JSON.parse(content) as { error: { code: unknown; message: unknown } };
    return { code: String(error.code), message: String(error.message) };
  } catch {
    return { code: '', message: '' };
  }
}
