// A route in the kernel, between network namespaces (client, router, origin): its throughput against plain forwarding, and
// what a GB costs the whole machine, beside our own path and HAProxy on the same router.
//
// The kernel forwards in the time of whoever sends or receives, so no process has its cost: what is measured is all busy time of
// all cores, iperf3's included, which is the same for everybody.

import { fork, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { isInstalled, makeFolder, nextMessage, removeFolder, track } from '../lib/children.mjs';

const amountBytes = 1.5e9;
const programs = ['ip', 'nft', 'iperf3'];
const tag = `spb${process.pid}`;
const name = (node) => `${tag}-${node}`;
const inside = (node, ...command) => ['ip', 'netns', 'exec', name(node), ...command];

function must(program, ...args) {
  const { status, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr}`);
}

function makeNetwork() {
  const lines = [];
  for (const node of ['client', 'router', 'origin']) lines.push(`netns add ${name(node)}`);
  for (const line of lines) must('ip', ...line.split(' '));
  const link = (node, device, net) => {
    must(
      'ip',
      'link',
      'add',
      'up0',
      'netns',
      name(node),
      'type',
      'veth',
      'peer',
      'name',
      device,
      'netns',
      name('router'),
    );
    must('ip', '-n', name(node), 'addr', 'add', `10.78.${net}.2/24`, 'dev', 'up0');
    must('ip', '-n', name('router'), 'addr', 'add', `10.78.${net}.1/24`, 'dev', device);
    must('ip', '-n', name(node), 'link', 'set', 'up0', 'up');
    must('ip', '-n', name('router'), 'link', 'set', device, 'up');
    must('ip', '-n', name(node), 'route', 'add', 'default', 'via', `10.78.${net}.1`);
  };
  must('ip', '-n', name('router'), 'link', 'set', 'lo', 'up');
  link('client', 'in0', 0);
  link('origin', 'in1', 1);
  must(...inside('router', 'sysctl', '-qw', 'net.ipv4.ip_forward=1'));
}

function removeNetwork() {
  for (const node of ['client', 'router', 'origin']) spawnSync('ip', ['netns', 'del', name(node)], { stdio: 'ignore' });
}

/** Busy time of all cores, ms. */
function busyMs() {
  const [, user, nice, system, , , irq, softirq] = readFileSync('/proc/stat', 'latin1').split(/\s+/).map(Number);
  return (user + nice + system + irq + softirq) * 10;
}

async function startProxy(engine) {
  const program = fileURLToPath(new URL('../peers/nftables.mjs', import.meta.url));
  const [execPath, ...execArgv] = inside('router', process.execPath);
  const child = track(fork(program, [engine], { execPath, execArgv }));
  await nextMessage(child);
  return child;
}

async function startHaproxy(folder) {
  const config = `global
  maxconn 1000
defaults
  mode tcp
  timeout connect 5s
  timeout client 30s
  timeout server 30s
  option splice-auto
listen bench
  bind 10.78.0.1:5300
  server origin 10.78.1.2:5201\n`;
  writeFileSync(`${folder}/haproxy.cfg`, config);
  const [program, ...args] = inside('router', 'haproxy', '-db', '-f', `${folder}/haproxy.cfg`);
  const child = track(spawn(program, args, { stdio: 'ignore' }));
  await new Promise((resolve) => setTimeout(resolve, 500));
  return child;
}

const contenders = {
  // Straight to the origin's address: the router forwards and knows nothing of us.
  plain: { host: '10.78.1.2', port: 5201, start: () => null },
  smartproxy: { host: '10.78.0.1', port: 5301, start: () => startProxy('nftables') },
  'smartproxy (node)': { host: '10.78.0.1', port: 5302, start: () => startProxy('node') },
  haproxy: { host: '10.78.0.1', port: 5300, start: startHaproxy },
};

async function transfer({ host, port }, bytes) {
  const before = busyMs();
  const [program, ...args] = inside('client', 'iperf3', '-J', '-c', host, '-p', String(port), '-n', String(bytes));
  const child = track(spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] }));
  let text = '';
  child.stdout.on('data', (chunk) => {
    text += chunk;
  });
  await once(child, 'close');
  const { end, error } = JSON.parse(text);
  if (error !== undefined) throw new Error(`iperf3 to ${host}:${port}: ${error}`);
  return { gbits: end.sum_received.bits_per_second / 1e9, cpuMs: (busyMs() - before) / (end.sum_received.bytes / 1e9) };
}

export const nftables = {
  name: 'nftables',
  missing() {
    if (process.getuid?.() !== 0) return 'needs root, for network namespaces';
    const absent = programs.filter((program) => !isInstalled(program));
    return absent.length > 0 ? `not installed: ${absent.join(', ')}` : null;
  },
  async run({ rounds, scale }) {
    const children = [];
    const runs = {};
    const folder = makeFolder();
    try {
      makeNetwork();
      const [program, ...args] = inside('origin', 'iperf3', '-s');
      children.push(track(spawn(program, args, { stdio: 'ignore' })));
      const names = Object.keys(contenders).filter((each) => each !== 'haproxy' || isInstalled('haproxy'));
      for (const each of names) children.push(await contenders[each].start(folder));
      const bytes = Math.round(amountBytes * scale);
      for (const each of names) await transfer(contenders[each], Math.round(bytes / 4));
      for (let round = 0; round < rounds; round++) {
        for (const each of names) {
          const run = await transfer(contenders[each], bytes);
          runs[each] = [...(runs[each] ?? []), run];
        }
      }
    } finally {
      for (const child of children) child?.kill('SIGKILL');
      removeNetwork();
      removeFolder(folder);
    }
    const pick = (of) => Object.fromEntries(Object.entries(runs).map(([each, list]) => [each, list.map(of)]));
    return [
      {
        name: 'nftables',
        unit: 'Gbit/s',
        samples: pick(({ gbits }) => gbits),
        targets: [{ against: 'plain', atLeast: 0.95 }],
        details: { bytes: Math.round(amountBytes * scale), runs },
      },
      {
        name: 'nftables CPU',
        unit: 'ms machine/GB',
        samples: pick(({ cpuMs }) => cpuMs),
        targets: [],
        details: {},
      },
    ];
  },
};
