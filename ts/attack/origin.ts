// A target that reads strictly and remembers what reached it: what a proxy lets through is seen here.

import type { AddressInfo, Socket } from 'node:net';
import type { IRequestHead } from '../codec/http-message.js';
import { ChunkedReader } from '../codec/http1-chunked.js';
import { decodeRequestHead } from '../codec/http1-request.js';
import * as plugins from '../plugins.js';
import { answerToCanary, canaryField } from './markers.js';
import type { IOriginRequest } from './types.js';

/** The target that stands behind the proxy during an attack. */
export interface IAttackOrigin extends AsyncDisposable {
  /** On 127.0.0.1. */
  readonly port: number;
  /** What came since the last time, and what could not be read as HTTP/1.1 by a strict reader. */
  take(): { readonly requests: readonly IOriginRequest[]; readonly faults: readonly string[] };
}

export async function startAttackOrigin(): Promise<IAttackOrigin> {
  let requests: IOriginRequest[] = [];
  let faults: string[] = [];
  const sockets = new Set<Socket>();
  const record: IRecord = {
    began: (request) => void requests.push(request),
    broke: (fault) => void faults.push(fault),
  };
  const server = plugins.net.createServer((socket) => {
    socket.on('error', () => {});
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    const visitor = new OriginConnection(socket, record);
    socket.on('data', (bytes) => visitor.read(bytes));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    take() {
      const taken = { requests, faults };
      requests = [];
      faults = [];
      return taken;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

interface IRecord {
  began(request: IOriginRequest): void;
  broke(fault: string): void;
}

/** More than any case sends that is to be taken. */
const limits = { maxBytes: 1_000_000, maxFields: 50_000 };

class OriginRequest implements IOriginRequest {
  readonly method: string;
  readonly target: string;
  readonly fields: readonly string[];
  content = '';
  trailers: readonly string[] = [];
  isWhole = false;

  constructor(text: string) {
    const [line = '', ...lines] = text.trimStart().split('\r\n');
    const [method = '', target = ''] = line.split(' ');
    this.method = method;
    this.target = target;
    this.fields = fieldsOf(lines);
  }
}

class OriginConnection {
  readonly #socket: Socket;
  readonly #record: IRecord;
  #rest: Buffer = Buffer.alloc(0);
  #current: OriginRequest | null = null;
  #left = 0;
  /** The present request asks for the end of the connection. */
  #closes = false;
  #chunks: ChunkedReader | null = null;
  /** The end of chunked content as it came. */
  #tail = '';

  constructor(socket: Socket, record: IRecord) {
    this.#socket = socket;
    this.#record = record;
  }

  read(bytes: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    while (this.#rest.length > 0 && this.#socket.writable) {
      if (this.#current === null ? !this.#readHead() : !this.#readContent(this.#current)) return;
    }
  }

  /** False: more has to come first. */
  #readHead(): boolean {
    const read = decodeRequestHead(this.#rest, 0, limits);
    if (read.kind === 'short') return false;
    if (read.kind !== 'done') {
      this.#breakOff(`(${read.why}) ${this.#rest.toString('latin1', 0, 300)}`);
      return false;
    }
    const request = new OriginRequest(this.#rest.toString('latin1', 0, read.used));
    this.#rest = this.#rest.subarray(read.used);
    this.#record.began(request);
    this.#begin(read.value, request);
    return true;
  }

  #begin({ contentLength, expectsContinue, close }: IRequestHead, request: OriginRequest): void {
    this.#closes = close;
    if (expectsContinue) this.#socket.write('HTTP/1.1 100 Continue\r\n\r\n');
    if (contentLength === 0) return this.#answer(request);
    this.#current = request;
    this.#left = contentLength;
    this.#chunks = contentLength < 0 ? new ChunkedReader(chunkLimits) : null;
    this.#tail = '';
  }

  #readContent(request: OriginRequest): boolean {
    const chunks = this.#chunks;
    if (chunks === null) {
      const part = this.#rest.subarray(0, this.#left);
      request.content += part.toString('latin1');
      this.#left -= part.length;
      this.#rest = this.#rest.subarray(part.length);
      if (this.#left === 0) this.#answer(request);
      return true;
    }
    const used = chunks.read(this.#rest, 0, (part) => {
      request.content += part.toString('latin1');
    });
    this.#tail = (this.#tail + this.#rest.toString('latin1', 0, used)).slice(-maxTail);
    this.#rest = this.#rest.subarray(used);
    if (chunks.fault !== null) this.#breakOff(`(${chunks.fault}) ${this.#rest.toString('latin1', 0, 100)}`);
    if (!chunks.done) return false;
    request.trailers = trailersIn(this.#tail);
    this.#answer(request);
    return true;
  }

  #answer(request: OriginRequest): void {
    this.#current = null;
    request.isWhole = true;
    const at = request.fields.findIndex((name, i) => i % 2 === 0 && name.toLowerCase() === canaryField.toLowerCase());
    const content = at < 0 ? 'taken' : answerToCanary(request.fields[at + 1] ?? '');
    const fields = ['Content-Type: text/plain', `Content-Length: ${content.length}`];
    if (this.#closes) fields.push('Connection: close');
    const head = `HTTP/1.1 200 OK\r\n${fields.join('\r\n')}\r\n\r\n`;
    this.#socket.write(request.method === 'HEAD' ? head : head + content);
    if (this.#closes) this.#socket.end();
  }

  #breakOff(fault: string): void {
    this.#record.broke(fault);
    this.#socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
    this.#socket.destroySoon();
  }
}

/** All of them, also those that our reader of chunks leaves out. */
function trailersIn(tail: string): string[] {
  const [, lines = ''] = /(?:^|\r\n)0+(?:;[^\r\n]*)?\r\n((?:[^\r\n]+\r\n)*)\r\n$/.exec(tail) ?? [];
  return fieldsOf(lines.split('\r\n'));
}

const fieldsOf = (lines: readonly string[]): string[] =>
  lines.flatMap((line) => {
    const colon = line.indexOf(':');
    return colon < 0 ? [] : [line.slice(0, colon), line.slice(colon + 1).trim()];
  });

const maxTail = 65_536;
const chunkLimits = { maxExtensionBytes: 10_000_000, maxTrailerBytes: 10_000_000, maxTrailers: 100_000 };
