// PROXY headers as haproxy, nginx and curl write and read them.

import { connectTcp } from '../helpers/clients.js';
import { needs } from '../helpers/debian.js';
import { closedPort, startEcho } from '../helpers/origins.js';
import { runProcess } from '../helpers/rig-process.js';
import { nginxHttpFolders, startHaproxy, startNginx } from '../helpers/rig-servers.js';
import { makeForwardRoute, startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';

for (const [version, word] of [
  ['1', 'send-proxy'],
  ['2', 'send-proxy-v2'],
  ['2 with a checksum and a TLV', 'send-proxy-v2 proxy-v2-options crc32c,unique-id'],
] as const) {
  needs('haproxy')(`the client that haproxy announces by version ${version} is the client`, async () => {
    await using origin = await startEcho();
    await using started = await startProxy({
      acceptProxyProtocol: true,
      proxyIPs: ['127.0.0.1'],
      routes: [makeForwardRoute(origin.port, { security: { ipAllowList: ['127.0.0.2'] } })],
    });
    const front = await closedPort();
    const sections = `listen front
  bind 127.0.0.1:${front}
  unique-id-format visit-%rt
  server ours 127.0.0.1:${started.port} source 127.0.0.1 ${word}`;
    await using _haproxy = await startHaproxy(sections, { port: front });
    await using client = await connectTcp(front, { localAddress: '127.0.0.2' });
    client.send('hello');
    expect(await client.receive(5)).toEqual('hello');
    const [record] = started.proxy.getConnections().filter(({ clientIp }) => clientIp === '127.0.0.2');
    expect(record?.clientPort).toEqual(client.socket.localPort);
    expect(record?.serverPort).toEqual(front);
    client.socket.end();
    await client.end;
  });
}

for (const version of [1, 2] as const) {
  needs('nginx', 'nginx-stream')(`nginx reads the client from our header of version ${version}`, async () => {
    const port = await closedPort();
    const stream = `stream { server {
      listen 127.0.0.1:${port} proxy_protocol;
      return "$proxy_protocol_addr $proxy_protocol_port $proxy_protocol_server_port";
    } }`;
    await using _nginx = await startNginx(stream, { port });
    await using started = await startProxy({ sendProxyProtocol: version, routes: [makeForwardRoute(port)] });
    await using client = await connectTcp(started.port, { localAddress: '127.0.0.3' });
    const told = (await client.end).toString();
    expect(told).toEqual(`127.0.0.3 ${client.socket.localPort} ${started.port}`);
    client.socket.end();
  });
}

needs('curl', 'nginx')('a request for which curl writes the header arrives behind it', async () => {
  const port = await closedPort();
  const http = `http { access_log off; ${nginxHttpFolders} server {
    listen 127.0.0.1:${port} proxy_protocol;
    location / { return 200 "$proxy_protocol_addr"; }
  } }`;
  await using _nginx = await startNginx(http, { port });
  await using started = await startProxy({
    acceptProxyProtocol: true,
    proxyIPs: ['127.0.0.4'],
    sendProxyProtocol: 2,
    routes: [makeForwardRoute(port)],
  });
  const url = `http://127.0.0.1:${started.port}/`;
  const common = ['--silent', '--show-error', '--fail', '--noproxy', '*'];
  const announced = await runProcess('curl', [...common, '--interface', '127.0.0.4', '--haproxy-protocol', url]);
  expect(announced).toEqual('127.0.0.4');
  // Who is not in the list sends plain data, and has its own address.
  const plain = await runProcess('curl', [...common, '--interface', '127.0.0.5', url]);
  expect(plain).toEqual('127.0.0.5');
});

export default tap.start();
