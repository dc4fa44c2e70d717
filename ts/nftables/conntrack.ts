// The connections that the kernel forwards, as conntrack prints them.

import type { TTransport } from './kernel-route.js';

/** One direction of a connection. */
interface IDirection {
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** null where the kernel does not count (net.netfilter.nf_conntrack_acct is 0). */
  readonly bytes: number | null;
}

export interface IFlow {
  /** Of the kernel: no two live ones share it. */
  readonly id: string;
  readonly transport: TTransport;
  readonly mark: number;
  /** As the client sent it. */
  readonly original: IDirection;
  /** As the target answers. */
  readonly reply: IDirection;
  /** False for a TCP connection that both sides have closed, or that never came about. */
  readonly isOpen: boolean;
}

/** How many lines are read before other work gets its turn: about a millisecond of them. */
const linesATime = 500;

/** 100 000 connections are a lot of text: the process does other things in between. */
export async function readFlows(text: string): Promise<IFlow[]> {
  const flows: IFlow[] = [];
  for (let at = 0, read = 1; at < text.length; read++) {
    const newline = text.indexOf('\n', at);
    const end = newline < 0 ? text.length : newline;
    const flow = readFlow(text.slice(at, end));
    if (flow !== null) flows.push(flow);
    at = end + 1;
    if (read % linesATime === 0) await new Promise(setImmediate);
  }
  return flows;
}

/** null: a line about something else. */
function readFlow(line: string): IFlow | null {
  const transport = line.startsWith('tcp ') ? 'tcp' : line.startsWith('udp ') ? 'udp' : null;
  if (transport === null) return null;
  const words = line.split(' ').filter((word) => word !== '');
  const first = new Map<string, string>();
  const second = new Map<string, string>();
  for (const word of words) {
    const equals = word.indexOf('=');
    if (equals < 0) continue;
    const key = word.slice(0, equals);
    (first.has(key) ? second : first).set(key, word.slice(equals + 1));
  }
  const [mark, id] = [first.get('mark'), first.get('id')];
  if (mark === undefined || id === undefined || !second.has('src')) return null;
  const state = transport === 'tcp' ? words[3] : undefined;
  return {
    id,
    transport,
    mark: Number(mark),
    original: directionOf(first),
    reply: directionOf(second),
    isOpen: state === undefined || !over.has(state),
  };
}

const directionOf = (values: ReadonlyMap<string, string>): IDirection => {
  const bytes = values.get('bytes');
  return {
    source: values.get('src') ?? '',
    destination: values.get('dst') ?? '',
    sourcePort: Number(values.get('sport') ?? 0),
    destinationPort: Number(values.get('dport') ?? 0),
    bytes: bytes === undefined ? null : Number(bytes),
  };
};

/** Nothing more is to come of these; the kernel keeps them for stray packets. */
const over: ReadonlySet<string> = new Set(['TIME_WAIT', 'CLOSE', 'LAST_ACK', 'SYN_SENT', 'SYN_RECV', 'NONE']);
