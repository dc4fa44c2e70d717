// The target of the HTTP rows: nginx, which costs the core that it shares with the load generator less than Node would.

import { host } from './http-plan.mjs';
import { nginxArgs, startWithConfig } from './start-peer.mjs';

/** Paths and the size of their content. */
export const sizes = { '/small': 100, '/1k': 1_000, '/100k': 100_000, '/10m': 10_000_000 };

const inMemory = (path) => sizes[path] <= 1_000;

function config(port, folder) {
  return [
    'worker_processes 1; daemon off; error_log stderr crit;',
    `pid ${folder}/nginx.pid; events { worker_connections 4096; }`,
    'http { access_log off; default_type text/plain; sendfile on; tcp_nopush on; open_file_cache max=100;',
    ...['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder}/${name};`),
    `server { listen 127.0.0.1:${port} backlog=4096; root ${folder}; keepalive_requests 1000000000;`,
    'location = /seen { return 200 "$http_host $http_x_forwarded_for $http_x_forwarded_proto $http_x_route"; }',
    ...Object.keys(sizes)
      .filter(inMemory)
      .map((path) => `location = ${path} { return 200 "${'o'.repeat(sizes[path])}"; }`),
    '} }',
  ].join('\n');
}

/** `{ host, port, dispose }`. */
export async function startHttpOrigin() {
  const paths = Object.keys(sizes).filter((path) => !inMemory(path));
  const files = Object.fromEntries(paths.map((path) => [path.slice(1), Buffer.alloc(sizes[path], 'o')]));
  const { port, dispose } = await startWithConfig('nginx', config, nginxArgs, { files, place: 'load' });
  return { host: '127.0.0.1', port, dispose };
}

/** The same for gRPC: HTTP/2 without TLS, a small message and its status behind it, whatever is asked. */
function grpcConfig(port, folder) {
  return [
    'worker_processes 1; daemon off; error_log stderr crit;',
    `pid ${folder}/nginx.pid; events { worker_connections 4096; }`,
    'http { access_log off; default_type application/grpc;',
    ...['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder}/${name};`),
    `server { listen 127.0.0.1:${port} backlog=4096 http2; keepalive_requests 1000000000; http2_max_concurrent_streams 1000;`,
    `location / { add_trailer grpc-status 0; return 200 "${'o'.repeat(100)}"; }`,
    '} }',
  ].join('\n');
}

export async function startGrpcOrigin() {
  const { port, dispose } = await startWithConfig('nginx', grpcConfig, nginxArgs, { place: 'load' });
  return { host: '127.0.0.1', port, dispose };
}

/** What `/seen` must say behind every proxy; fast-proxy and fastify ask the target by its own name. */
export const seenRightly = (text, isTls) =>
  new RegExp(`^(${host}|127\\.0\\.0\\.1:\\d+) 127\\.0\\.0\\.1 ${isTls ? 'https' : 'http'} site$`).test(text);
