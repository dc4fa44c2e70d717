// gRPC of package `@grpc/grpc-js` at both ends of a proxy. Messages are bytes as they are: nothing here is about protobuf.

import * as grpc from '@grpc/grpc-js';

const same = (bytes: Buffer): Buffer => bytes;
const method = (path: string, requestStream: boolean, responseStream: boolean) => ({
  ...{ path: `/test.Echo/${path}`, requestStream, responseStream },
  ...{ requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same },
});

/** `unary` and the streams echo; `fail` answers by the status that the request names, `wait` never. */
const service = {
  unary: method('Unary', false, false),
  fail: method('Fail', false, false),
  wait: method('Wait', false, false),
  up: method('Up', true, false),
  down: method('Down', false, true),
  both: method('Both', true, true),
} satisfies grpc.ServiceDefinition;

/** What all four kinds of calls have. */
interface ICall {
  readonly metadata: grpc.Metadata;
  sendMetadata(metadata: grpc.Metadata): void;
  on(event: 'cancelled', heard: () => void): unknown;
}

export interface IGrpcOrigin extends AsyncDisposable {
  readonly port: number;
  /** Metadata of the calls, in order. */
  readonly calls: grpc.Metadata[];
  /** Calls that their clients gave up. */
  readonly cancelled: number;
  /** Calls whose answer is not complete. */
  readonly open: number;
}

interface IOriginOptions {
  readonly tls?: { readonly cert: string; readonly key: string };
  readonly options?: grpc.ServerOptions;
}

export async function startGrpcOrigin({ tls, options = {} }: IOriginOptions = {}): Promise<IGrpcOrigin> {
  const server = new grpc.Server({ 'grpc.max_receive_message_length': -1, ...options });
  const calls: grpc.Metadata[] = [];
  const open = new Set<object>();
  let cancelled = 0;
  const begin = (call: ICall) => {
    calls.push(call.metadata);
    open.add(call);
    // It comes behind calls that ended well too.
    call.on('cancelled', () => {
      if (open.delete(call)) cancelled++;
    });
  };
  const greet = (call: ICall) => {
    begin(call);
    const metadata = new grpc.Metadata();
    metadata.set('x-first', 'one');
    metadata.set('x-bytes-bin', Buffer.from([0, 255]));
    call.sendMetadata(metadata);
  };
  const last = (): grpc.Metadata => {
    const trailers = new grpc.Metadata();
    trailers.set('x-last', 'two');
    return trailers;
  };
  const streamed = (call: grpc.ServerWritableStream<Buffer, Buffer> | grpc.ServerDuplexStream<Buffer, Buffer>) => {
    open.delete(call);
    call.end(last());
  };
  server.addService(service, {
    unary(call: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) {
      greet(call);
      open.delete(call);
      done(null, call.request, last());
    },
    fail(call: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) {
      calls.push(call.metadata);
      done({ code: Number(call.request.toString()), details: 'no, 100 % ü', metadata: last() });
    },
    wait(call: grpc.ServerUnaryCall<Buffer, Buffer>) {
      begin(call);
    },
    up(call: grpc.ServerReadableStream<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) {
      greet(call);
      const parts: Buffer[] = [];
      call.on('data', (part: Buffer) => parts.push(part));
      call.on('end', () => {
        open.delete(call);
        done(null, Buffer.concat(parts), last());
      });
    },
    down(call: grpc.ServerWritableStream<Buffer, Buffer>) {
      greet(call);
      for (const octet of call.request) call.write(Buffer.from([octet]));
      if (call.request[0] !== 0) streamed(call);
    },
    both(call: grpc.ServerDuplexStream<Buffer, Buffer>) {
      greet(call);
      call.on('data', (part: Buffer) => call.write(part));
      call.on('end', () => streamed(call));
      call.on('error', () => {});
    },
  });
  const credentials = tls
    ? grpc.ServerCredentials.createSsl(null, [{ private_key: Buffer.from(tls.key), cert_chain: Buffer.from(tls.cert) }])
    : grpc.ServerCredentials.createInsecure();
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', credentials, (error, bound) => (error ? reject(error) : resolve(bound)));
  });
  return {
    port,
    calls,
    get cancelled() {
      return cancelled;
    },
    get open() {
      return open.size;
    },
    async [Symbol.asyncDispose]() {
      server.forceShutdown();
    },
  };
}

/** What a call came to. */
export interface IGrpcOutcome {
  readonly code: number;
  readonly details: string;
  readonly messages: Buffer[];
  readonly head: grpc.Metadata;
  readonly trailers: grpc.Metadata;
}

export interface IGrpcCallOptions extends grpc.CallOptions {
  readonly metadata?: Record<string, string | Buffer>;
}

export interface IGrpcClient extends AsyncDisposable {
  /** A call with one message up. Resolves whatever the outcome. */
  unary(name: keyof typeof service, message: string | Uint8Array, options?: IGrpcCallOptions): Promise<IGrpcOutcome>;
  /** A call of any kind, as a stream both ways. */
  open(
    name: keyof typeof service,
    options?: IGrpcCallOptions,
  ): { readonly call: grpc.ClientDuplexStream<Buffer, Buffer>; readonly outcome: Promise<IGrpcOutcome> };
}

/** `ca`: by TLS, for `a.test`. */
export function connectGrpc(port: number, ca: string | null = null, options: grpc.ClientOptions = {}): IGrpcClient {
  const credentials = ca === null ? grpc.credentials.createInsecure() : grpc.credentials.createSsl(Buffer.from(ca));
  const client = new grpc.Client(`127.0.0.1:${port}`, credentials, {
    'grpc.ssl_target_name_override': 'a.test',
    'grpc.default_authority': 'a.test',
    'grpc.max_receive_message_length': -1,
    'grpc.enable_retries': 0,
    ...options,
  });
  const open: IGrpcClient['open'] = (name, { metadata = {}, ...more } = {}) => {
    const fields = new grpc.Metadata();
    for (const [key, value] of Object.entries(metadata)) fields.set(key, value);
    const call = client.makeBidiStreamRequest(service[name].path, same, same, fields, more);
    return { call, outcome: outcomeOf(call) };
  };
  return {
    open,
    unary(name, message, more) {
      const { call, outcome } = open(name, more);
      call.end(Buffer.from(message));
      return outcome;
    },
    async [Symbol.asyncDispose]() {
      client.close();
    },
  };
}

async function outcomeOf(call: grpc.ClientDuplexStream<Buffer, Buffer>): Promise<IGrpcOutcome> {
  const messages: Buffer[] = [];
  let head = new grpc.Metadata();
  call.on('metadata', (fields: grpc.Metadata) => {
    head = fields;
  });
  call.on('data', (message: Buffer) => messages.push(message));
  call.on('error', () => {});
  const {
    code,
    details,
    metadata: trailers,
  } = await new Promise<grpc.StatusObject>((resolve) => call.once('status', resolve));
  return { code, details, messages, head, trailers };
}
