// What the HTTP proxies of npm have in common: a server of Node around them, and what lib/http-plan.mjs asks for where
// they have no option for it.

import http from 'node:http';
import https from 'node:https';
import { answerBenchmark } from './answer.mjs';

export { answerField, requestField } from '../lib/http-plan.mjs';

export const { target, identity } = JSON.parse(process.argv[2]);
export const targetUrl = `http://${target.host}:${target.port}`;

/** Keeps connections to the target; as many as there are clients. */
export const agent = new http.Agent({ keepAlive: true, noDelay: true });

/** 127.0.0.0/8 in the way that costs least: what a program would write that has this one rule. */
export const isAllowed = (request) => request.socket.remoteAddress.startsWith('127.');

/** What stands in front: no limit of requests on a connection. */
export const serverOptions = { keepAliveTimeout: 65_000, noDelay: true, ...(identity ?? {}) };

/** A server on a free port, which is told to the benchmark. */
export function serve(onRequest, onUpgrade) {
  const server = (identity ? https : http).createServer(serverOptions, (request, response) => {
    if (isAllowed(request)) onRequest(request, response);
    else response.writeHead(403).end();
  });
  if (onUpgrade) server.on('upgrade', onUpgrade);
  server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 }, () => process.send({ port: server.address().port }));
  answerBenchmark();
}

/** The fields about the client, for those that do not write them. */
export function addForwarded(headers, request) {
  const known = headers['x-forwarded-for'];
  const { remoteAddress, localPort } = request.socket;
  headers['x-forwarded-for'] = known ? `${known}, ${remoteAddress}` : remoteAddress;
  headers['x-forwarded-proto'] = identity ? 'https' : 'http';
  headers['x-forwarded-port'] = String(localPort);
  headers['x-forwarded-host'] ??= request.headers.host;
  return headers;
}
