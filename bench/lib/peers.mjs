// The proxies that are compared. Each takes the same plan: `{ target }` forwards bytes, `{ byName }` routes by SNI.

import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  endChild,
  isInstalled,
  makeFolder,
  nextMessage,
  removeFolder,
  startProgram,
  startScript,
} from './children.mjs';
import { freePort, untilAccepting } from './ports.mjs';
import { descriptorLimit } from './proc.mjs';

/** Debian's place for it; other systems build it in, which is tried when the file is not there. */
const nginxStreamModule = '/usr/lib/nginx/modules/ngx_stream_module.so';
/** Pipes that HAProxy may keep for splicing, two descriptors each. */
const pipeLimit = 200;
/** Two descriptors a connection, and room for the programs' own. */
const connectionLimit = Math.min(20_000, Math.floor((descriptorLimit() - 1_000) / 2 - pipeLimit));

const at = (target) => `${target.host}:${target.port}`;

function nginxConfig(port, plan, folder) {
  const lines = [
    ...(existsSync(nginxStreamModule) ? [`load_module ${nginxStreamModule};`] : []),
    'worker_processes 1;',
    'daemon off;',
    `pid ${folder}/nginx.pid;`,
    'error_log stderr crit;',
    `worker_rlimit_nofile ${connectionLimit * 2 + 400};`,
    `events { worker_connections ${connectionLimit * 2 + 200}; }`,
    'stream {',
    'access_log off;',
    'proxy_timeout 1h;',
  ];
  if (plan.byName) {
    lines.push('map $ssl_preread_server_name $chosen {');
    for (const { name, target } of plan.byName) lines.push(`${name} ${at(target)};`);
    lines.push('}');
  }
  lines.push(`server { listen 127.0.0.1:${port} backlog=4096;`);
  lines.push(plan.byName ? 'ssl_preread on; proxy_pass $chosen; }' : `proxy_pass ${at(plan.target)}; }`, '}');
  return lines.join('\n');
}

function haproxyConfig(port, plan) {
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

async function startWithConfig(program, makeConfig, makeArgs) {
  const folder = makeFolder();
  const port = await freePort();
  const file = join(folder, `${program}.conf`);
  writeFileSync(file, makeConfig(port, folder));
  const child = startProgram('proxy', program, makeArgs(file, folder));
  const dispose = async () => {
    await endChild(child);
    removeFolder(folder);
  };
  try {
    await untilAccepting(port, () => child.exitCode === null && child.pid !== undefined);
  } catch (cause) {
    await dispose();
    throw new Error(`${program} does not start: ${child.complaints()}`, { cause });
  }
  return { port, pid: child.pid, dispose };
}

async function startNodePeer(script, plan, nodeArgs = []) {
  const child = startScript('proxy', script, [JSON.stringify(plan)], nodeArgs);
  const { port } = await nextMessage(child);
  const collect = async () => {
    child.send('collect');
    await nextMessage(child);
  };
  return { port, pid: child.pid, collect, dispose: () => endChild(child) };
}

/** The routes of a plan as our configuration writes them. */
export function routesOf(plan, port) {
  if (!plan.byName) return [{ name: 'all', match: { ports: port }, action: { type: 'forward', target: plan.target } }];
  return plan.byName.map(({ name, target }) => ({
    name,
    match: { ports: port, domains: name },
    action: { type: 'forward', target, tls: { mode: 'passthrough' } },
  }));
}

/**
 * `missing()`: why it cannot run here, or null. `start(plan)`: `{ port, pid, dispose }`; `pid` is null where there is no
 * process to measure, and `collect()` is there where garbage can be collected.
 */
export const peers = {
  smartproxy: {
    missing: () =>
      existsSync(new URL('../../dist_ts/index.js', import.meta.url)) ? null : 'not built: run `pnpm build` first',
    start: (plan) =>
      startNodePeer('peers/smartproxy.mjs', { routes: routesOf(plan, 0) }, process.env.BENCH_NODE_ARGS?.split(' ')),
  },
  haproxy: {
    missing: () => (isInstalled('haproxy') ? null : 'haproxy is not installed'),
    start: (plan) =>
      startWithConfig(
        'haproxy',
        (port) => haproxyConfig(port, plan),
        (file) => ['-db', '-f', file],
      ),
  },
  nginx: {
    missing: () => (isInstalled('nginx') ? null : 'nginx is not installed'),
    start: (plan) =>
      startWithConfig(
        'nginx',
        (port, folder) => nginxConfig(port, plan, folder),
        (file, folder) => ['-p', folder, '-e', 'stderr', '-c', file],
      ),
  },
  pipe: {
    missing: () => null,
    start: (plan) => {
      if (plan.byName) throw new Error('pipe knows no names');
      return startNodePeer('peers/pipe.mjs', { port: 0, target: plan.target });
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
