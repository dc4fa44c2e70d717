// The text of HTTP/1.1 requests, and what a proxy reports of them.

import type { IRequestReport } from '../../ts/observe/events.js';
import type { IStartedProxy } from './start-proxy.js';
import { until } from './until.js';

export const get = (path = '/', ...more: string[]): string =>
  [`GET ${path} HTTP/1.1`, 'Host: a.test', ...more, '', ''].join('\r\n');

/** The head promises `length` bytes, which may be more than `body` has. */
export const post = (path: string, body: string, length = body.length, ...more: string[]): string =>
  [`POST ${path} HTTP/1.1`, 'Host: a.test', `Content-Length: ${length}`, ...more, '', body].join('\r\n');

/** The opening of a WebSocket. */
export const opening = (path = '/'): string =>
  get(
    path,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  );

/** What a target says to it, in order. */
export const switched =
  'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
  'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n';

/** The requests of a proxy that are over, in order. */
export interface IReports {
  readonly all: readonly IRequestReport[];
  /** The next one that was not asked for. */
  next(): Promise<IRequestReport>;
}

export function reportsOf({ proxy }: Pick<IStartedProxy, 'proxy'>): IReports {
  const all: IRequestReport[] = [];
  let asked = 0;
  proxy.on('request', (report) => all.push(report));
  return {
    all,
    async next() {
      await until(
        () => all.length > asked,
        5_000,
        () => `the end of a request, after ${asked}`,
      );
      return all[asked++] as IRequestReport;
    },
  };
}
