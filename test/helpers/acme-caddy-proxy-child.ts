// A whole proxy whose certificates Caddy's authority gives, in the network where only it and this script are. Writes one
// line about each name.

import { join } from 'node:path';
import { connect } from 'node:tls';
import { SmartProxy } from '../../ts/index.js';
import { caddyDirectory, caddyDnsPorts, rootOfCaddy } from './acme-caddy.js';
import { startAcmeDns } from './acme-dns.js';
import { makeShopRoute } from './acme-proxy.js';
import { makeFolder } from './make-folder.js';
import { until } from './until.js';

const say = (line: string): void => void process.stdout.write(`${line}\n`);

await using dns = await startAcmeDns(...caddyDnsPorts);
await using folder = await makeFolder();
const ca = await rootOfCaddy();
const hook = {
  set: ({ name, value }: { name: string; value: string }) => dns.addTxt(name, value),
  remove: ({ name }: { name: string }) => dns.clearTxt(name),
};
const proxy = new SmartProxy({
  acme: { email: 'ops@proxy.test', directoryUrl: caddyDirectory, directoryCa: ca },
  certificateStore: join(folder.path, 'certs'),
  routes: [
    makeShopRoute(443, 'a.proxy.test', { name: 'http', acme: { challenges: ['http-01'] }, names: ['127.0.0.1'] }),
    makeShopRoute(443, 'b.proxy.test', { name: 'alpn', acme: { challenges: ['tls-alpn-01'] } }),
    makeShopRoute(443, ['*.c.proxy.test', 'c.proxy.test'], { name: 'dns', acme: { dns: hook } }),
  ],
});
await proxy.start();
const lacking = () => proxy.certificates.status().filter(({ serial }) => serial === null);
await until(
  () => lacking().length === 0,
  40_000,
  () => JSON.stringify(lacking()),
);
for (const servername of ['a.proxy.test', 'b.proxy.test', 'c.proxy.test', 'x.c.proxy.test']) {
  say(`${servername} ${await shown(servername)}`);
}
for (const { names, challenge } of proxy.certificates.status()) say(`${names.join(' ')} ${challenge}`);
const before = proxy.certificates.status().find(({ names }) => names[0] === 'b.proxy.test')?.serial;
await proxy.renewCertificate('alpn');
const after = proxy.certificates.status().find(({ names }) => names[0] === 'b.proxy.test')?.serial;
say(`renewed ${before !== after}`);
await proxy.stop({ graceMs: 0 });

/** As a client that trusts Caddy's root sees it. */
function shown(servername: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ port: 443, host: '127.0.0.1', servername, ca, ALPNProtocols: ['http/1.1'] }, () => {
      const { subjectaltname } = socket.getPeerCertificate();
      socket.destroy();
      resolve(subjectaltname ?? '');
    });
    socket.on('error', (error) => resolve(error.message));
  });
}
