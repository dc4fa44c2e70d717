// Errors of the proxy's own for requests of gRPC: a status that its clients understand, where others get a line of text.

import { ProxyError, type TErrorCode } from '../base/errors.js';
import { asKind, grpcKind, grpcMessage, grpcStatus, trailersFrame } from '../codec/grpc.js';
import { fieldValue, type IRequestHead } from '../codec/http-message.js';
import type { IOwnAnswer } from './error-answer.js';

/** As it is, unless it is an error and the request is one of gRPC. `error`: what led to it, where something did. */
export function inKind(own: IOwnAnswer, request: IRequestHead, error: Error | null): IOwnAnswer {
  if (!own.isError) return own;
  const contentType = fieldValue(request.fields, 'content-type');
  const kind = grpcKind(contentType);
  if (kind === null || contentType === null) return own;
  const status = [
    'Grpc-Status',
    String(statusOf(own.head.status, error)),
    'Grpc-Message',
    grpcMessage(own.body.toString().trim()),
  ];
  const fields = ['Content-Type', asKind(contentType, kind), ...keptOf(own)];
  // Trailers-Only: the status stands in the head, which is all there is. Browsers show scripts a body, but not every field.
  if (kind === 'grpc') return answerOf([...fields, ...status], nothing, request);
  const frame = trailersFrame(status);
  return answerOf(fields, kind === 'web' ? frame : Buffer.from(frame.toString('base64'), 'latin1'), request);
}

const nothing = Buffer.alloc(0);

/** In HTTP/2 nothing stands for nothing; in HTTP/1.1 the length does. */
function answerOf(fields: string[], body: Buffer, { version }: IRequestHead): IOwnAnswer {
  const contentLength = body.length === 0 && version === '2' ? -1 : body.length;
  return { head: { status: 200, reason: '', fields, contentLength }, body, isError: true };
}

/** What the text alone needed goes. */
function keptOf({ head: { fields } }: IOwnAnswer): string[] {
  const kept: string[] = [];
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at] as string;
    if (name !== 'Content-Type' && name !== 'X-Content-Type-Options') kept.push(name, fields[at + 1] as string);
  }
  return kept;
}

/** UNAVAILABLE is what clients repeat: only what may be. */
function statusOf(status: number, error: Error | null): number {
  const known = error instanceof ProxyError ? byCode[error.code] : undefined;
  return known ?? byStatus[status] ?? (status >= 500 ? grpcStatus.internal : grpcStatus.unknown);
}

const byCode: Partial<Record<TErrorCode, number>> = {
  // No connection came in time, so nothing was asked.
  TARGET_TIMEOUT: grpcStatus.unavailable,
  TARGET_MALFORMED: grpcStatus.internal,
  TARGET_VERSION: grpcStatus.unimplemented,
};

/** As the gRPC project maps statuses of HTTP, and finer where the proxy knows more than that. */
const byStatus: Readonly<Record<number, number>> = {
  400: grpcStatus.internal,
  401: grpcStatus.unauthenticated,
  403: grpcStatus.permissionDenied,
  404: grpcStatus.unimplemented,
  408: grpcStatus.deadlineExceeded,
  413: grpcStatus.resourceExhausted,
  421: grpcStatus.unavailable,
  429: grpcStatus.resourceExhausted,
  431: grpcStatus.resourceExhausted,
  499: grpcStatus.cancelled,
  501: grpcStatus.unimplemented,
  502: grpcStatus.unavailable,
  503: grpcStatus.unavailable,
  504: grpcStatus.deadlineExceeded,
};
