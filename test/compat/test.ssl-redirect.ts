// A port that sends everybody to HTTPS.

import { SslRedirect } from '../../ts/index.js';
import { connectTcp } from '../helpers/clients.js';
import { expect, tap } from '../helpers/tapbundle.js';

async function ask(port: number, request: string): Promise<string> {
  await using client = await connectTcp(port);
  client.send(request);
  await client.closed;
  return client.received.toString();
}

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a.test:80\r\nConnection: close\r\n\r\n`;
const place = (answer: string): (string | undefined)[] => [
  /^HTTP\/1\.1 (\d+)/.exec(answer)?.[1],
  /location: (\S+)/i.exec(answer)?.[1],
];

tap.test('every request is sent to the same address by HTTPS', async () => {
  await using redirect = new SslRedirect(0, { listenAddress: '127.0.0.1' });
  expect(redirect.port).toEqual(0);
  await redirect.start();
  expect(redirect.port).toBeGreaterThan(0);
  expect(place(await ask(redirect.port, get('/x?y=1')))).toEqual(['302', 'https://a.test/x?y=1']);
  expect(await ask(redirect.port, '\x16\x03 no request')).not.toContain('302');
  await redirect.stop();
  expect(redirect.port).toEqual(0);
});

tap.test('to another port, by another status, where that is said', async () => {
  await using redirect = new SslRedirect(0, { listenAddress: '127.0.0.1', httpsPort: 8443, status: 308 });
  await redirect.start();
  expect(place(await ask(redirect.port, get('/')))).toEqual(['308', 'https://a.test:8443/']);
  expect(() => new SslRedirect(70_000)).toThrow(/ports/);
});

export default tap.start();
