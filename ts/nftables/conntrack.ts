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

export function readFlows(text: string): IFlow[] {
  return text.split('\n').flatMap((line) => readFlow(line) ?? []);
}

/** null: a line about something else. */
function readFlow(line: string): IFlow | null {
  const [transport] = line.split(/\s+/, 1);
  if (transport !== 'tcp' && transport !== 'udp') return null;
  const values = (name: string): string[] =>
    [...line.matchAll(new RegExp(`(?<=\\s)${name}=(\\S+)`, 'g'))].map((found) => found[1] ?? '');
  const [src, dst, sport, dport, bytes] = ['src', 'dst', 'sport', 'dport', 'bytes'].map(values);
  const direction = (index: 0 | 1): IDirection => ({
    source: src?.[index] ?? '',
    destination: dst?.[index] ?? '',
    sourcePort: Number(sport?.[index] ?? 0),
    destinationPort: Number(dport?.[index] ?? 0),
    bytes: bytes?.[index] === undefined ? null : Number(bytes[index]),
  });
  const [mark, id] = [values('mark')[0], values('id')[0]];
  if (mark === undefined || id === undefined || src?.length !== 2) return null;
  const state = /^tcp\s+\d+\s+\d+\s+([A-Z_]+)/.exec(line)?.[1];
  return {
    id,
    transport,
    mark: Number(mark),
    original: direction(0),
    reply: direction(1),
    isOpen: state === undefined || !over.has(state),
  };
}

/** Nothing more is to come of these; the kernel keeps them for stray packets. */
const over: ReadonlySet<string> = new Set(['TIME_WAIT', 'CLOSE', 'LAST_ACK', 'SYN_SENT', 'SYN_RECV', 'NONE']);
