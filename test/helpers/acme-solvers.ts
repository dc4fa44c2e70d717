// Answers to an authority's three kinds of challenges, by servers that do nothing else.

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import { createSecureContext, createServer as createTlsServer, type SecureContext, type TLSSocket } from 'node:tls';
import { makeChallengeCertificate } from '../../ts/certs/challenge-certificate.js';
import { arpaNameOf, identifierOf, txtNameOf } from '../../ts/certs/names.js';
import type { IAcmeDns } from './acme-dns.js';

export type TSolvedKind = 'http-01' | 'tls-alpn-01' | 'dns-01';

export interface IAsked {
  readonly kind: TSolvedKind;
  /** Without `*.`. */
  readonly name: string;
  readonly token: string;
  readonly keyAuthorization: string;
  readonly dnsValue: string;
}

export interface ISolvers extends AsyncDisposable {
  readonly httpPort: number;
  readonly tlsPort: number;
  /** From now on the challenge is answered. */
  present(asked: IAsked, dns: IAcmeDns): Promise<void>;
}

/** For a port of an authority that has no choice of it: 80 and 443. */
export interface ISolverPorts {
  readonly http?: number;
  readonly tls?: number;
}

export async function startSolvers(ports: ISolverPorts = {}): Promise<ISolvers> {
  const pages = new Map<string, string>();
  const contexts = new Map<string, SecureContext>();
  const http = createServer((request, response) => {
    const text = pages.get(request.url ?? '');
    response.writeHead(text === undefined ? 404 : 200).end(text);
  });
  const sockets = new Set<TLSSocket>();
  const tls = createTlsServer({
    ALPNProtocols: ['acme-tls/1'],
    SNICallback(name, done) {
      const context = contexts.get(name);
      if (context) done(null, context);
      else done(new Error(`nothing for ${name}`));
    },
  });
  tls.on('secureConnection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
  });
  tls.on('tlsClientError', () => {});
  const [httpPort, tlsPort] = [await listen(http, ports.http), await listen(tls, ports.tls)];
  return {
    httpPort,
    tlsPort,
    async present({ kind, name, token, keyAuthorization, dnsValue }, dns) {
      if (kind === 'dns-01') return dns.addTxt(txtNameOf(name), dnsValue);
      if (kind === 'http-01') return void pages.set(`/.well-known/acme-challenge/${token}`, keyAuthorization);
      const serverName = identifierOf(name).type === 'ip' ? arpaNameOf(name) : name;
      contexts.set(serverName, createSecureContext(await makeChallengeCertificate(name, keyAuthorization)));
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      http.closeAllConnections();
      await Promise.all([http, tls].map((server) => once(server.close(), 'close')));
    },
  };
}

/** Both families: names are 127.0.0.1, addresses are what they are. */
async function listen(server: Server, port = 0): Promise<number> {
  await new Promise<void>((resolve) => server.listen(port, '::', () => resolve()));
  return (server.address() as AddressInfo).port;
}
