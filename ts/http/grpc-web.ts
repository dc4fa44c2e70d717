// gRPC-Web of browsers to gRPC of targets: stands between an exchange and its origin, and changes what passes. Messages are the same
// in both; types, trailers (which browsers cannot read) and, for `-text`, base64 differ.

import type { Socket } from 'node:net';
import { ProxyError } from '../base/errors.js';
import { Base64Decoder, Base64Encoder } from '../codec/base64-stream.js';
import { asKind, grpcKind, trailersFrame } from '../codec/grpc.js';
import { fieldValue, type IRequestHead, type IResponseHead, type TFields } from '../codec/http-message.js';
import { withMarks } from '../codec/never-indexed.js';
import type { IAnswerListener, IOrigin, IOriginFailure } from './exchange-types.js';
import { isName } from './field-kind.js';
import { setField } from './header-rules.js';
import { remove } from './hop-by-hop.js';

/** The origin as a request of gRPC-Web needs it; itself for any other. */
export function bridged(origin: IOrigin, { fields }: IRequestHead): IOrigin {
  const kind = grpcKind(fieldValue(fields, 'content-type'));
  return kind === 'web' || kind === 'text' ? new GrpcWebOrigin(origin, kind) : origin;
}

class GrpcWebOrigin implements IOrigin, IAnswerListener {
  readonly #origin: IOrigin;
  readonly #kind: 'web' | 'text';
  #listener: IAnswerListener | null = null;
  /** Of text: the way up, the way down. */
  readonly #decoder: Base64Decoder | null;
  #encoder: Base64Encoder | null = null;
  /** The answer is none of gRPC: it passes as it is. */
  #isForeign = false;
  /** What a head without content said of the outcome. */
  #status: string[] = [];

  constructor(origin: IOrigin, kind: 'web' | 'text') {
    this.#origin = origin;
    this.#kind = kind;
    this.#decoder = kind === 'text' ? new Base64Decoder() : null;
  }

  send(head: IRequestHead, listener: IAnswerListener): void {
    this.#listener = listener;
    const fields = withMarks(head.fields, [...head.fields]);
    setField(fields, 'content-type', asKind(fieldValue(fields, 'content-type') ?? '', 'grpc'));
    for (const name of ofWeb) remove(fields, name);
    fields.push('TE', 'trailers');
    const isLonger = this.#decoder !== null && head.contentLength > 0;
    this.#origin.send({ ...head, fields, contentLength: isLonger ? -1 : head.contentLength }, this);
  }

  data(chunk: Uint8Array): boolean {
    if (this.#decoder === null) return this.#origin.data(chunk);
    const bytes = this.#decoder.push(chunk);
    if (bytes === null) return this.#malformed();
    return bytes.length === 0 || this.#origin.data(bytes);
  }

  end(trailers: TFields | null): void {
    if (this.#decoder?.complete === false) this.#malformed();
    else this.#origin.end(trailers);
  }

  flush(): void {
    this.#origin.flush();
  }

  cancel(): void {
    this.#listener = null;
    this.#origin.cancel();
  }

  hold(): void {
    this.#origin.hold();
  }

  pull(): void {
    this.#origin.pull();
  }

  // --- what the origin says ---

  answerInform(status: number, fields: TFields): void {
    this.#listener?.answerInform(status, fields);
  }

  answerHead(head: IResponseHead): void {
    const type = fieldValue(head.fields, 'content-type');
    if (type === null || grpcKind(type) !== 'grpc') {
      this.#isForeign = true;
      this.#listener?.answerHead(head);
      return;
    }
    const fields = withMarks(head.fields, this.#withoutStatus(head.fields));
    setField(fields, 'content-type', asKind(type, this.#kind));
    if (this.#kind === 'text') this.#encoder = new Base64Encoder();
    this.#listener?.answerHead({ ...head, fields, contentLength: -1 });
  }

  answerData(chunk: Uint8Array): void {
    const bytes = this.#encoder === null ? chunk : this.#encoder.push(chunk);
    if (bytes.length > 0) this.#listener?.answerData(bytes);
  }

  answerEnd(trailers: TFields | null): void {
    if (this.#isForeign) return void this.#listener?.answerEnd(trailers);
    const all = [...this.#status, ...(trailers ?? [])];
    if (all.length > 0) this.answerData(trailersFrame(all));
    this.#padded();
    this.#listener?.answerEnd(null);
  }

  /** A message must not wait for octets that make a group of three. */
  answerPause(): void {
    this.#padded();
    this.#listener?.answerPause();
  }

  originDrained(): void {
    this.#listener?.originDrained();
  }

  answerSwitched(head: IResponseHead, socket: Socket, bytes: Buffer | null): void {
    this.#listener?.answerSwitched(head, socket, bytes);
  }

  originFailed(failure: IOriginFailure): void {
    this.#listener?.originFailed(failure);
  }

  #padded(): void {
    const rest = this.#encoder?.flush();
    if (rest !== undefined && rest.length > 0) this.#listener?.answerData(rest);
  }

  /** Trailers-Only: scripts read a body whatever CORS exposes. */
  #withoutStatus(given: TFields): string[] {
    const fields: string[] = [];
    for (let at = 0; at < given.length; at += 2) {
      const name = given[at] as string;
      const into = ofOutcome.some((known) => isName(name, known)) ? this.#status : fields;
      into.push(name, given[at + 1] as string);
    }
    return fields;
  }

  /** Not at once: the listener is in the middle of sending. Nothing, if it cancels meanwhile. */
  #malformed(): true {
    const listener = this.#listener;
    this.cancel();
    this.#listener = listener;
    process.nextTick(() => {
      if (this.#listener !== listener) return;
      this.#listener = null;
      const error = new ProxyError('REQUEST_MALFORMED', 'the request is not base64, as its type says');
      listener?.originFailed({ error, unsent: false, stale: false });
    });
    return true;
  }
}

/** Of the request; what it accepts is of the bridge's kind. */
const ofWeb = ['x-grpc-web', 'accept', 'te'];
const ofOutcome = ['grpc-status', 'grpc-message', 'grpc-status-details-bin'];
