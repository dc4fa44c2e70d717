// A name server on loopback that answers, by UDP and TCP, what a test tells it to.

import * as dgram from 'node:dgram';
import { once } from 'node:events';
import * as net from 'node:net';

/** Addresses, in order; none of a family: no data. */
export interface IFakeRecords {
  readonly a?: readonly string[];
  readonly aaaa?: readonly string[];
  /** Seconds. Default 60. */
  readonly ttl?: number;
}

/** `silent`: no answer at all. */
export type TFakeAnswer = IFakeRecords | 'absent' | 'servfail' | 'refused' | 'silent';

export interface IFakeDnsServer extends AsyncDisposable {
  /** For `Resolver.setServers`. */
  readonly address: string;
  /** What was asked, like `a.test A` or, by TCP, `a.test A tcp`. */
  readonly asked: string[];
  /** From now on. Names that were never set are absent. */
  set(name: string, answer: TFakeAnswer | ((type: 'A' | 'AAAA') => TFakeAnswer)): void;
  /** How often `name` was asked for, as A. */
  count(name: string): number;
}

interface IQuestion {
  readonly id: number;
  readonly name: string;
  readonly type: 'A' | 'AAAA' | 'other';
  /** The question as it was sent. */
  readonly bytes: Buffer;
}

const codes = { absent: 3, servfail: 2, refused: 5 } as const;
/** More does not go into a datagram (RFC 1035 §4.2.1). */
const datagramLimit = 512;

export async function startDnsServer(): Promise<IFakeDnsServer> {
  const answers = new Map<string, TFakeAnswer | ((type: 'A' | 'AAAA') => TFakeAnswer)>();
  const asked: string[] = [];
  const answer = (query: Buffer, way: '' | ' tcp'): Buffer | null => {
    const question = readQuestion(query);
    asked.push(`${question.name} ${question.type}${way}`);
    const set = answers.get(question.name) ?? 'absent';
    const found = typeof set === 'function' ? set(question.type === 'AAAA' ? 'AAAA' : 'A') : set;
    return found === 'silent' ? null : writeAnswer(question, found);
  };

  const sockets = new Set<net.Socket>();
  const tcp = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    let held = Buffer.alloc(0);
    socket.on('data', (chunk) => {
      held = Buffer.concat([held, chunk]);
      for (; held.length >= 2 && held.length >= 2 + held.readUInt16BE(0); ) {
        const length = held.readUInt16BE(0);
        const bytes = answer(held.subarray(2, 2 + length), ' tcp');
        held = held.subarray(2 + length);
        if (bytes) socket.write(Buffer.concat([number16(bytes.length), bytes]));
      }
    });
  });
  const { udp, port } = await openBoth(tcp);
  udp.on('message', (query, sender) => {
    const bytes = answer(query, '');
    if (bytes) udp.send(bytes.length > datagramLimit ? truncated(bytes) : bytes, sender.port, sender.address);
  });

  return {
    address: `127.0.0.1:${port}`,
    asked,
    set: (name, to) => void answers.set(name, to),
    count: (name) => asked.filter((line) => line.startsWith(`${name} A`) && !line.startsWith(`${name} AAAA`)).length,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      udp.close();
      tcp.close();
      await once(tcp, 'close');
    },
  };
}

/** One free port for both; most are in use for TCP, by connections that have ended too, so TCP chooses. */
async function openBoth(tcp: net.Server): Promise<{ udp: dgram.Socket; port: number }> {
  for (;;) {
    tcp.listen(0, '127.0.0.1');
    await once(tcp, 'listening');
    const { port } = tcp.address() as net.AddressInfo;
    const udp = dgram.createSocket('udp4');
    try {
      udp.bind(port, '127.0.0.1');
      await once(udp, 'listening');
      return { udp, port };
    } catch (error) {
      udp.close();
      tcp.close();
      await once(tcp, 'close');
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    }
  }
}

function readQuestion(query: Buffer): IQuestion {
  const labels: string[] = [];
  let at = 12;
  for (let length = query.readUInt8(at); length > 0; length = query.readUInt8(at)) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  const code = query.readUInt16BE(at + 1);
  const type = code === 1 ? 'A' : code === 28 ? 'AAAA' : 'other';
  return { id: query.readUInt16BE(0), name: labels.join('.').toLowerCase(), type, bytes: query.subarray(12, at + 5) };
}

function writeAnswer({ id, type, bytes }: IQuestion, answer: Exclude<TFakeAnswer, 'silent'>): Buffer {
  const code = typeof answer === 'string' ? codes[answer] : 0;
  const records = typeof answer === 'string' ? [] : recordsOf(type, answer);
  // Flags: a response, recursion wanted and available.
  const head = [id, 0x8180 | code, 1, records.length, 0, 0].map(number16);
  return Buffer.concat([...head, bytes, ...records]);
}

function recordsOf(type: IQuestion['type'], { a = [], aaaa = [], ttl = 60 }: IFakeRecords): Buffer[] {
  const addresses = type === 'A' ? a.map(ipv4Bytes) : type === 'AAAA' ? aaaa.map(ipv6Bytes) : [];
  const life = Buffer.alloc(4);
  life.writeUInt32BE(ttl);
  // Its name is the question's, at offset 12.
  return addresses.map((address) =>
    Buffer.concat([
      number16(0xc00c),
      number16(type === 'A' ? 1 : 28),
      number16(1),
      life,
      number16(address.length),
      address,
    ]),
  );
}

/** The head and the question, marked as cut: the asker comes again by TCP. */
function truncated(bytes: Buffer): Buffer {
  const questionEnd = bytes.indexOf(0, 12) + 5;
  const cut = Buffer.from(bytes.subarray(0, questionEnd));
  cut.writeUInt16BE(cut.readUInt16BE(2) | 0x0200, 2);
  cut.writeUInt16BE(0, 6);
  return cut;
}

function number16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

const ipv4Bytes = (address: string): Buffer => Buffer.from(address.split('.').map(Number));

/** Takes `::` at most once, no IPv4 inside. */
function ipv6Bytes(address: string): Buffer {
  const [front = [], back] = address.split('::').map((half) => half.split(':').filter((group) => group !== ''));
  const zeros = back === undefined ? 0 : 8 - front.length - back.length;
  const groups = [...front, ...Array<string>(zeros).fill('0'), ...(back ?? [])];
  return Buffer.concat(groups.map((group) => number16(Number.parseInt(group, 16))));
}
