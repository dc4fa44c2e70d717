// Several protocols on one port, whole sessions of real clients, and the client's address through a chain of proxies.

import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import type { IRouteConfig } from '../../ts/index.js';
import { makeCertificate } from '../helpers/certificates.js';
import { needs, pathOf } from '../helpers/debian.js';
import { makeFolder } from '../helpers/make-folder.js';
import { closedPort, startEcho } from '../helpers/origins.js';
import { accepts, runProcess, startProcess } from '../helpers/rig-process.js';
import { nginxHttpFolders, startHaproxy, startNginx } from '../helpers/rig-servers.js';
import { makeForwardRoute, startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';

tap.timeout(100_000);

const curl = ['--silent', '--show-error', '--fail', '--noproxy', '*', '--max-time', '20'];

needs(
  'curl',
  'nginx',
  'nc',
  'openssl',
)('one port serves TLS by name, plain HTTP and anything else, each by its own route', async () => {
  const [a, b] = await Promise.all([makeCertificate({ names: ['a.test'] }), makeCertificate({ names: ['b.test'] })]);
  const [plainPort, portA, portB] = [await closedPort(), await closedPort(), await closedPort()];
  const tlsServer = (name: string, port: number) => `server {
      listen 127.0.0.1:${port} ssl; ssl_certificate FOLDER/${name}.pem; ssl_certificate_key FOLDER/${name}.key;
      location / { return 200 "I am ${name}, asked for $ssl_server_name"; }
    }`;
  const http = `http { access_log off; ${nginxHttpFolders}
    server { listen 127.0.0.1:${plainPort}; location / { return 200 "plain $request_method $host"; } }
    ${tlsServer('a', portA)} ${tlsServer('b', portB)}
  }`;
  const files = { 'a.pem': a.cert, 'a.key': a.key, 'b.pem': b.cert, 'b.key': b.key };
  await using _nginx = await startNginx(http, { port: portB, files });
  await using echo = await startEcho();
  await using folder = await makeFolder();
  const caFile = join(folder.path, 'ca.pem');
  await writeFile(caFile, a.ca);
  const route = (name: string, port: number, match: Partial<IRouteConfig['match']>): IRouteConfig => ({
    name,
    match: { ports: 0, ...match },
    action: { type: 'forward', target: { host: '127.0.0.1', port } },
  });
  await using started = await startProxy({
    routes: [
      route('a', portA, { domains: 'a.test', protocol: 'tls' }),
      route('b', portB, { domains: '*.test', protocol: 'tls' }),
      route('web', plainPort, { protocol: 'http' }),
      route('rest', echo.port, { protocol: 'other' }),
    ],
  });
  const { port } = started;
  const asked = await Promise.all([
    runProcess('curl', [
      ...curl,
      ...['--cacert', caFile, '--resolve', `b.test:${port}:127.0.0.1`, `https://b.test:${port}/`],
    ]),
    runProcess('curl', [...curl, '--resolve', `x.test:${port}:127.0.0.1`, `http://x.test:${port}/`]),
    runProcess('nc', ['-N', '127.0.0.1', String(port)], { input: 'EHLO, but no verb of HTTP\n' }),
    runProcess(
      'openssl',
      [
        ...['s_client', '-connect', `127.0.0.1:${port}`, '-servername', 'a.test', '-CAfile', caFile],
        ...['-verify_return_error', '-verify_hostname', 'a.test', '-brief', '-ign_eof'],
      ],
      { input: 'GET / HTTP/1.0\r\n\r\n' },
    ),
  ]);
  expect(asked[0]).toEqual('I am b, asked for b.test');
  expect(asked[1]).toEqual('plain GET x.test');
  expect(asked[2]).toEqual('EHLO, but no verb of HTTP\n');
  expect(asked[3]).toContain('Verification: OK');
  expect(asked[3]).toContain('I am a, asked for a.test');
  await started.ends(4);
  const routes = started.ended.map(({ connection }) => connection.route);
  expect(routes.sort()).toEqual(['a', 'b', 'rest', 'web']);
});

needs('sshd', 'ssh')(
  'a login by ssh through the proxy verifies the host, runs a command and moves its input',
  async () => {
    await using folder = await makeFolder();
    const at = (name: string) => join(folder.path, name);
    await runProcess('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', at('host')]);
    await runProcess('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', at('user')]);
    const port = await closedPort();
    const settings = [
      ...[`Port ${port}`, 'ListenAddress 127.0.0.1', `PidFile ${at('pid')}`, `HostKey ${at('host')}`],
      ...[`AuthorizedKeysFile ${at('user.pub')}`, 'StrictModes no', 'UsePAM no', 'PasswordAuthentication no'],
      'PermitRootLogin prohibit-password',
    ];
    await writeFile(at('config'), `${settings.join('\n')}\n`);
    // As root it wants this folder, which its service would make.
    if (process.getuid?.() === 0) await mkdir('/run/sshd', { recursive: true });
    await using _sshd = await startProcess(pathOf('sshd'), ['-D', '-e', '-f', at('config')], { ready: accepts(port) });
    await using started = await startProxy({ routes: [makeForwardRoute(port)] });
    const [type, key] = (await readFile(at('host.pub'), 'utf8')).split(' ');
    await writeFile(at('known'), `[127.0.0.1]:${started.port} ${type} ${key}\n`);
    const login = [
      ...['-F', '/dev/null', '-i', at('user'), '-p', String(started.port), '-l', userInfo().username],
      ...['-o', `UserKnownHostsFile=${at('known')}`, '-o', 'StrictHostKeyChecking=yes', '-o', 'IdentitiesOnly=yes'],
      ...['-o', 'BatchMode=yes', '-o', 'LogLevel=ERROR', '127.0.0.1'],
    ];
    expect(await runProcess('ssh', [...login, 'echo', 'said', 'inside'])).toEqual('said inside\n');
    const input = randomBytes(4 << 20).toString('base64');
    const digest = createHash('sha256').update(input).digest('hex');
    expect(await runProcess('ssh', [...login, 'sha256sum'], { input })).toContain(digest);
  },
);

/** Who stands before us, who behind: each pair passes the client's address on in its own version of the header. */
for (const [word, sendProxyProtocol] of [
  ['send-proxy', 2],
  ['send-proxy-v2', 1],
] as const) {
  const title = `the address of a client survives haproxy (${word}), us (version ${sendProxyProtocol})`;

  needs('haproxy', 'curl')(`${title} and haproxy with accept-proxy`, async () => {
    const [front, behind] = [await closedPort(), await closedPort()];
    await using started = await startProxy({
      ...{ acceptProxyProtocol: true, proxyIPs: ['127.0.0.1'], sendProxyProtocol },
      routes: [makeForwardRoute(behind)],
    });
    const sections = `${frontSection(front, started.port, word)}
frontend behind
  mode http
  bind 127.0.0.1:${behind} accept-proxy
  http-request return status 200 content-type text/plain lf-string "%[src] %[src_port] %[dst_port]"`;
    await using _haproxy = await startHaproxy(sections, { port: behind });
    const told = await runProcess('curl', [
      ...[...curl, '--interface', '127.0.0.5', '--write-out', '\n127.0.0.5 %{local_port} '],
      `http://127.0.0.1:${front}/`,
    ]);
    const [seen, sent] = told.split('\n');
    expect(seen).toEqual(`${sent}${front}`);
  });

  needs(
    'haproxy',
    'nginx',
    'nginx-stream',
    'socat',
  )(`${title} and nginx with proxy_protocol`, async () => {
    const [front, behind] = [await closedPort(), await closedPort()];
    const stream = `stream { server {
      listen 127.0.0.1:${behind} proxy_protocol;
      return "$proxy_protocol_addr $proxy_protocol_server_port";
    } }`;
    await using _nginx = await startNginx(stream, { port: behind });
    await using started = await startProxy({
      ...{ acceptProxyProtocol: true, proxyIPs: ['127.0.0.1'], sendProxyProtocol },
      routes: [makeForwardRoute(behind)],
    });
    await using _haproxy = await startHaproxy(frontSection(front, started.port, word), { port: front });
    const told = await runProcess('socat', ['-u', `TCP:127.0.0.1:${front},bind=127.0.0.5`, '-']);
    expect(told).toEqual(`127.0.0.5 ${front}`);
  });
}

const frontSection = (front: number, ours: number, word: string): string => `listen front
  bind 127.0.0.1:${front}
  server ours 127.0.0.1:${ours} source 127.0.0.1 ${word}`;

export default tap.start();
