// The proxies that are compared. Each takes the same plan: `{ target }` forwards bytes, `{ byName }` routes by SNI,
// `{ http: true, target, identity? }` does what http-plan.mjs says.

import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { isInstalled } from './children.mjs';
import { haproxyHttpConfig, httpFilesOf, nginxHttpBlock } from './http-configs.mjs';
import { httpRoutesOf } from './http-plan.mjs';
import { descriptorLimit } from './proc.mjs';
import { haproxyArgs, nginxArgs, startNodePeer, startWithConfig } from './start-peer.mjs';

/** Debian's place for it; other systems build it in, which is tried when the file is not there. */
const nginxStreamModule = '/usr/lib/nginx/modules/ngx_stream_module.so';
/** Pipes that HAProxy may keep for splicing, two descriptors each. */
const pipeLimit = 200;
/** Two descriptors a connection, and room for the programs' own. */
const connectionLimit = Math.min(20_000, Math.floor((descriptorLimit() - 1_000) / 2 - pipeLimit));

const at = (target) => `${target.host}:${target.port}`;

function nginxConfig(port, plan, folder) {
  const lines = [
    ...(existsSync(nginxStreamModule) && !plan.http ? [`load_module ${nginxStreamModule};`] : []),
    'worker_processes 1;',
    'daemon off;',
    `pid ${folder}/nginx.pid;`,
    'error_log stderr crit;',
    `worker_rlimit_nofile ${connectionLimit * 2 + 400};`,
    `events { worker_connections ${connectionLimit * 2 + 200}; }`,
  ];
  return [...lines, ...(plan.http ? nginxHttpBlock(port, plan, folder) : nginxStreamBlock(port, plan))].join('\n');
}

function nginxStreamBlock(port, plan) {
  const lines = ['stream {', 'access_log off;', 'proxy_timeout 1h;'];
  if (plan.byName) {
    lines.push('map $ssl_preread_server_name $chosen {');
    for (const { name, target } of plan.byName) lines.push(`${name} ${at(target)};`);
    lines.push('}');
  }
  lines.push(`server { listen 127.0.0.1:${port} backlog=4096;`);
  lines.push(plan.byName ? 'ssl_preread on; proxy_pass $chosen; }' : `proxy_pass ${at(plan.target)}; }`, '}');
  return lines;
}

function haproxyConfig(port, plan, folder) {
  if (plan.http) return haproxyHttpConfig(port, plan, folder, [` maxconn ${connectionLimit}`]);
  const lines = [
    'global',
    ' nbthread 1',
    ` maxconn ${connectionLimit}`,
    ` maxpipes ${pipeLimit}`,
    'defaults',
    ' mode tcp',
    ' timeout connect 10s',
    ' timeout client 1h',
    ' timeout server 1h',
    ' option splice-auto',
    'frontend front',
    ` bind 127.0.0.1:${port} backlog 4096`,
  ];
  if (!plan.byName) return [...lines, ' default_backend b', 'backend b', ` server s ${at(plan.target)}`, ''].join('\n');
  lines.push(' tcp-request inspect-delay 10s', ' tcp-request content accept if { req_ssl_hello_type 1 }');
  plan.byName.forEach(({ name }, n) => {
    lines.push(` use_backend b${n} if { req.ssl_sni -i ${name} }`);
  });
  plan.byName.forEach(({ target }, n) => {
    lines.push(`backend b${n}`, ` server s ${at(target)}`);
  });
  return [...lines, ''].join('\n');
}

/** HTTP/2 without TLS is an option; with it, it is offered anyhow. Silence is allowed, as the others allow it. */
const httpOf = ({ http2, identity }) => ({ keepAliveTimeout: 3_600_000, ...(http2 && !identity ? { h2c: true } : {}) });

/** The routes of a plan as our configuration writes them. */
export function routesOf(plan, port) {
  if (plan.http) return httpRoutesOf(plan);
  if (!plan.byName) return [{ name: 'all', match: { ports: port }, action: { type: 'forward', target: plan.target } }];
  return plan.byName.map(({ name, target }) => ({
    name,
    match: { ports: port, domains: name },
    action: { type: 'forward', target, tls: { mode: 'passthrough' } },
  }));
}

const programPeer = (program, makeConfig, makeArgs) => ({
  missing: () => (isInstalled(program) ? null : `${program} is not installed`),
  start: (plan) =>
    startWithConfig(program, (port, folder) => makeConfig(port, plan, folder), makeArgs, {
      files: plan.http ? httpFilesOf(plan) : {},
    }),
});

/** A proxy of npm, in `peers/`, for HTTP only. */
const packagePeer = (name, script) => ({
  missing: () => (hasPackage(name) ? null : 'not installed: run `pnpm -C bench install --ignore-workspace`'),
  start: (plan, nodeArgs) => {
    if (!plan.http) throw new Error(`${name} speaks HTTP only`);
    return startNodePeer(script, plan, nodeArgs);
  },
});

function hasPackage(name) {
  try {
    createRequire(import.meta.url).resolve(name);
    return true;
  } catch (error) {
    // There, but for `import` only.
    return error.code === 'ERR_PACKAGE_PATH_NOT_EXPORTED';
  }
}

/**
 * `missing()`: why it cannot run here, or null. `start(plan)`: `{ port, pid, dispose }`; `pid` is null where there is no
 * process to measure, and `collect()` is there where garbage can be collected. Those on Node take arguments for it too.
 */
export const peers = {
  smartproxy: {
    missing: () =>
      existsSync(new URL('../../dist_ts/index.js', import.meta.url)) ? null : 'not built: run `pnpm build` first',
    start: (plan, nodeArgs = process.env.BENCH_NODE_ARGS?.split(' ')) =>
      startNodePeer('peers/smartproxy.mjs', { routes: routesOf(plan, 0), http: httpOf(plan) }, nodeArgs),
  },
  haproxy: programPeer('haproxy', haproxyConfig, haproxyArgs),
  nginx: programPeer('nginx', nginxConfig, nginxArgs),
  'http-proxy-3': packagePeer('http-proxy-3', 'peers/http-proxy-3.mjs'),
  httpxy: packagePeer('httpxy', 'peers/httpxy.mjs'),
  'fast-proxy': packagePeer('fast-proxy', 'peers/fast-proxy.mjs'),
  'fastify-http-proxy': packagePeer('@fastify/http-proxy', 'peers/fastify-http-proxy.mjs'),
  pipe: {
    missing: () => null,
    start: (plan, nodeArgs) => {
      if (plan.byName || plan.http) throw new Error('pipe knows no names');
      return startNodePeer('peers/pipe.mjs', { port: 0, target: plan.target }, nodeArgs);
    },
  },
  direct: {
    missing: () => null,
    start: async (plan) => ({
      port: (plan.target ?? plan.byName[0].target).port,
      pid: null,
      dispose: async () => {},
    }),
  },
};
