// A small network of namespaces: a client, a router and two origins, joined by veth pairs, gone with the test.
//
//   client 10.77.0.2 --- 10.77.0.1 router 10.77.1.1 --- 10.77.1.2 one
//                                         10.77.2.1 --- 10.77.2.2 two        and fd77:N:: likewise

import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { needs } from './debian.js';
import { tap } from './tapbundle.js';
import { moduleUrl, nodeArgs } from './this-run.js';

const run = promisify(execFile);

export const addresses = {
  client: { ip: '10.77.0.2', ip6: 'fd77::2', second: '10.77.0.3' },
  router: { ip: '10.77.0.1', ip6: 'fd77::1', inside: '10.77.1.1', inside6: 'fd77:0:0:1::1' },
  one: { ip: '10.77.1.2', ip6: 'fd77:0:0:1::2' },
  two: { ip: '10.77.2.2', ip6: 'fd77:0:0:2::2' },
} as const;

const nodes = ['client', 'router', 'one', 'two'] as const;

export type TNode = (typeof nodes)[number];

/**
 * Gives `tap.test` where networks can be made, as root, with everything that is used in them; else a stand-in that skips
 * and says why.
 */
export function needsNetworks(...programs: string[]): typeof tap.test {
  const test = needs('nft', 'ip', 'conntrack', ...programs);
  if (test !== tap.test || canMakeNetworks()) return test;
  return (title, body) => tap.skip.test(`${title} [needs root, network namespaces and nf_tables in them]`, body);
}

function canMakeNetworks(): boolean {
  if (process.getuid?.() !== 0) return false;
  const name = `spt-probe-${process.pid}`;
  try {
    execFileSync('ip', ['netns', 'add', name], { stdio: 'ignore' });
    execFileSync('ip', ['netns', 'exec', name, 'nft', 'add', 'table', 'inet', 'probe'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  } finally {
    try {
      execFileSync('ip', ['netns', 'del', name], { stdio: 'ignore' });
    } catch {
      // It never was.
    }
  }
}

/** A process in a namespace that does what it is asked. */
export interface IAgent extends AsyncDisposable {
  readonly pid: number;
  // biome-ignore lint/suspicious/noExplicitAny: what comes back depends on the question, and tests look at it at once
  ask(operation: string, wish?: unknown): Promise<any>;
  /** Resolves when it is gone. */
  readonly ended: Promise<void>;
  kill(signal: NodeJS.Signals): void;
}

export interface INetWorld extends AsyncDisposable {
  /** Clients and origins. */
  readonly agents: Readonly<Record<TNode, IAgent>>;
  /** Runs a program in the namespace of a node; gives its output. */
  exec(node: TNode, program: string, ...args: string[]): Promise<string>;
  /** Starts a program that goes with the world. */
  spawn(node: TNode, program: string, ...args: string[]): ChildProcess;
  /** Resolves when somebody listens there. */
  listening(node: TNode, port: number): Promise<void>;
  /** A process in which a proxy can be started. */
  startRouter(options?: { readonly privileged?: boolean }): Promise<IAgent>;
}

let made = 0;

/** What a test that fails early leaves goes with its process. */
const names = new Set<string>();
process.on('exit', () => {
  for (const name of names) {
    try {
      execFileSync('ip', ['netns', 'del', name], { stdio: 'ignore' });
    } catch {
      // It is gone.
    }
  }
});

/** `forwarding`: whether the router's switches for it are on. */
export async function makeNetWorld({ forwarding = true } = {}): Promise<INetWorld> {
  const id = `spt${process.pid}x${++made}`;
  const nameOf = (node: TNode) => `${id}-${node}`;
  const children: ChildProcess[] = [];
  for (const node of nodes) names.add(nameOf(node));
  const dispose = async () => {
    for (const child of children) child.kill('SIGKILL');
    await Promise.all(nodes.map((node) => removed(nameOf(node))));
    for (const node of nodes) names.delete(nameOf(node));
  };
  const start = (node: TNode, program: string, args: readonly string[], ipc: boolean): ChildProcess => {
    const child = spawn('ip', ['netns', 'exec', nameOf(node), program, ...args], {
      stdio: ['ignore', ipc ? 'inherit' : 'pipe', 'inherit', ...(ipc ? ['ipc' as const] : [])],
    });
    children.push(child);
    return child;
  };
  try {
    await run('sh', ['-e', '-c', script, 'sh', nameOf('client'), nameOf('router'), nameOf('one'), nameOf('two')]);
    if (forwarding) {
      const switches = ['net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1'];
      await run('ip', ['netns', 'exec', nameOf('router'), 'sysctl', '-qw', ...switches]);
    }
    const agentOf = (node: TNode) => agent(start(node, process.execPath, [fileOf('net-agent.mjs')], true));
    const [client, router, one, two] = await Promise.all([
      agentOf('client'),
      agentOf('router'),
      agentOf('one'),
      agentOf('two'),
    ]);
    return {
      agents: { client, router, one, two },
      exec: async (node, program, ...args) =>
        (await run('ip', ['netns', 'exec', nameOf(node), program, ...args], { maxBuffer: 1 << 26 })).stdout,
      spawn: (node, program, ...args) => start(node, program, args, false),
      listening: async (node, port) => {
        const look = `until ss -Hltn 'sport = :${port}' | grep -q .; do sleep 0.05; done`;
        await run('ip', ['netns', 'exec', nameOf(node), 'sh', '-c', look], { timeout: 20_000 });
      },
      startRouter: ({ privileged = true } = {}) => {
        const unprivileged = ['setpriv', '--bounding-set=-net_admin', '--inh-caps=-net_admin'];
        const command = [process.execPath, ...nodeArgs, fileURLToPath(moduleUrl('test/helpers/net-router.ts'))];
        const [program = '', ...args] = privileged ? command : [...unprivileged, ...command];
        return agent(start('router', program, args, true));
      },
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

const fileOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

const removed = (name: string): Promise<unknown> => run('ip', ['netns', 'del', name]).catch(() => {});

const script = `
link() { # namespace, its interface, router's interface, network
  ip link add $2 netns $1 type veth peer name $3 netns $R
  ip -n $1 link set $2 up; ip -n $R link set $3 up
  ip -n $1 addr add 10.77.$4.2/24 dev $2; ip -n $R addr add 10.77.$4.1/24 dev $3
  ip -n $1 addr add fd77:0:0:$4::2/64 dev $2 nodad; ip -n $R addr add fd77:0:0:$4::1/64 dev $3 nodad
  ip -n $1 route add default via 10.77.$4.1; ip -n $1 route add default via fd77:0:0:$4::1
}
C=$1; R=$2; A=$3; B=$4
for n in $C $R $A $B; do ip netns add $n; ip -n $n link set lo up; done
link $C up0 in0 0
link $A up0 in1 1
link $B up0 in2 2
ip -n $C addr add 10.77.0.3/24 dev up0
`;

async function agent(child: ChildProcess): Promise<IAgent> {
  const waiting = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>();
  let last = 0;
  let over = false;
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
  const fail = () => {
    over = true;
    for (const { reject } of waiting.values()) reject(new Error('the process in the namespace has ended'));
    waiting.clear();
  };
  const expectAnswer = (id: number) =>
    new Promise<unknown>((resolve, reject) => {
      if (over) reject(new Error('the process in the namespace has ended'));
      else waiting.set(id, { resolve, reject });
    });
  child.on('message', ({ id, result, error }: { id: number; result?: unknown; error?: string }) => {
    const asked = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) asked?.resolve(result);
    else asked?.reject(new Error(error));
  });
  child.on('close', fail).on('error', fail);
  await expectAnswer(0);
  return {
    pid: child.pid ?? 0,
    ask(operation, wish = {}) {
      const id = ++last;
      const answer = expectAnswer(id);
      child.send({ id, operation, wish }, (error) => error && fail());
      return answer;
    },
    ended,
    kill: (signal) => child.kill(signal),
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
