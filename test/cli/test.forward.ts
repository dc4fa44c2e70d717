import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { forwardOptions } from '../../ts/cli/forward.js';
import { CommandError } from '../../ts/cli/host.js';
import { SmartProxy } from '../../ts/index.js';
import { makeCertificate } from '../helpers/certificates.js';
import { fetchThrough } from '../helpers/http-clients.js';
import { startHttpOrigin } from '../helpers/http-origins.js';
import { makeFolder } from '../helpers/make-folder.js';
import { expect, tap } from '../helpers/tapbundle.js';

tap.test('host and port forward bytes, a URL forwards requests', async () => {
  const bytes = forwardOptions('443', '10.0.0.1:8443', { domain: ['a.test'], tls: 'passthrough' });
  expect(bytes).toEqual({
    routes: [
      {
        name: 'forward',
        match: { ports: 443, domains: ['a.test'] },
        action: { type: 'forward', target: { host: '10.0.0.1', port: 8443 }, tls: { mode: 'passthrough' } },
      },
    ],
  });
  const requests = forwardOptions('127.0.0.1:8080', 'https://b.test', { domain: ['a.test'], proxyProtocol: '2' });
  expect(requests).toEqual({
    routes: [
      {
        name: 'forward',
        match: { ports: 8080, domains: ['a.test'], path: '/*' },
        action: { type: 'forward', target: { host: 'b.test', port: 443, tls: true } },
      },
    ],
    listenAddress: '127.0.0.1',
    sendProxyProtocol: 2,
  });
  const [route] = forwardOptions('80', 'http://[::1]:3000', { path: '/api/*' }).routes;
  expect(route?.match).toEqual({ ports: 80, path: '/api/*' });
  expect(route?.action).toEqual({ type: 'forward', target: { host: '::1', port: 3000 } });
});

tap.test('certificates of an authority of its own, and of Let’s Encrypt, are asked for in a word', () => {
  const tlsOf = (given: Parameters<typeof forwardOptions>[2]) => {
    const [route] = forwardOptions('443', 'http://a.test', { domain: ['a.test'], ...given }).routes;
    return route?.action.type === 'forward' ? route.action.tls : null;
  };
  expect(tlsOf({ tls: 'internal' })).toEqual({ mode: 'terminate', certificate: 'internal' });
  const acme = { email: 'a@a.test', useProduction: true };
  expect(tlsOf({ tls: 'auto', email: 'a@a.test' })).toEqual({ mode: 'terminate', certificate: 'auto', acme });
  expect(tlsOf({ tls: 'auto', email: 'a@a.test', staging: true })).toEqual({
    ...{ mode: 'terminate', certificate: 'auto' },
    acme: { ...acme, useProduction: false },
  });
  for (const given of [{ tls: 'internal' }, { tls: 'auto', email: 'a@a.test' }] as const) {
    new SmartProxy(forwardOptions('0', 'http://a.test', { domain: ['a.test'], ...given }));
  }
});

tap.test('what does not go together is refused', () => {
  const wrong: [RegExp, string, Parameters<typeof forwardOptions>[2]][] = [
    [/--cert and --key together/, 'a.test:1', { cert: 'a.pem' }],
    [/--cert and --key together/, 'a.test:1', { key: 'a.key' }],
    [/either --tls passthrough or a certificate/, 'a.test:1', { cert: 'a', key: 'b', tls: 'passthrough' }],
    [/want host:port where TLS is passed through/, 'http://a.test', { tls: 'passthrough' }],
    [/--domain and --email with --tls auto/, 'a.test:1', { tls: 'auto', domain: ['a.test'] }],
    [/--domain and --email with --tls auto/, 'a.test:1', { tls: 'auto', email: 'a@a.test' }],
    [/--email and --staging with --tls auto alone/, 'a.test:1', { tls: 'internal', staging: true }],
    [/--email and --staging with --tls auto alone/, 'a.test:1', { email: 'a@a.test' }],
  ];
  for (const [want, to, given] of wrong) {
    let caught: unknown;
    try {
      forwardOptions('0', to, given);
    } catch (error) {
      caught = error;
    }
    if (!(caught instanceof CommandError)) throw new Error(`${to}: want a CommandError, got ${caught}`);
    expect(caught.message).toMatch(want);
  }
});

tap.test('with a certificate TLS ends here, and requests go to the target by path', async () => {
  await using origin = await startHttpOrigin();
  await using folder = await makeFolder();
  const { cert, key, ca } = await makeCertificate({ names: ['a.test'] });
  const files = { cert: join(folder.path, 'cert.pem'), key: join(folder.path, 'key.pem') };
  await writeFile(files.cert, cert);
  await writeFile(files.key, key);
  const to = `http://127.0.0.1:${origin.port}`;
  await using proxy = new SmartProxy(
    forwardOptions('127.0.0.1:0', to, { ...files, domain: ['a.test'], path: '/api/*' }),
  );
  await proxy.start();
  const [port = 0] = proxy.getListeningPorts();
  const ask = (path: string) => fetchThrough(port, path, { tls: { ca, rejectUnauthorized: true } });
  expect((await ask('/api/x')).status).toEqual(200);
  expect((await ask('/x')).status).toEqual(404);
});

export default tap.start();
