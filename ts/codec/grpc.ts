// What of gRPC a proxy has to know: which messages are of it, its statuses, and how gRPC-Web writes trailers (PROTOCOL-HTTP2.md and
// PROTOCOL-WEB.md of the gRPC project).

import type { TFields } from './http-message.js';

/** `web` and `text` are those of browsers: frames as they are, and in base64. */
export type TGrpcKind = 'grpc' | 'web' | 'text';

/** Of a Content-Type; null: it is something else. */
export function grpcKind(contentType: string | null): TGrpcKind | null {
  if (contentType === null || !/^application\/grpc(?![^+;\s-])/i.test(contentType)) return null;
  const type = (contentType.split(';', 1)[0] ?? '').trim().toLowerCase();
  if (type === plainType || type.startsWith(`${plainType}+`)) return 'grpc';
  if (type === webType || type.startsWith(`${webType}+`)) return 'web';
  return type === textType || type.startsWith(`${textType}+`) ? 'text' : null;
}

const plainType = 'application/grpc';
const webType = 'application/grpc-web';
const textType = 'application/grpc-web-text';
const types = { grpc: plainType, web: webType, text: textType } as const;

/** The same type of another kind: what follows the name (`+proto`, parameters) stays. */
export const asKind = (contentType: string, kind: TGrpcKind): string =>
  contentType.replace(/^\s*application\/grpc(?:-web(?:-text)?)?/i, types[kind]);

export const grpcStatus = {
  cancelled: 1,
  unknown: 2,
  deadlineExceeded: 4,
  permissionDenied: 7,
  resourceExhausted: 8,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;

/** For `grpc-message`: what is not printable ASCII, and `%`, is percent-encoded. */
export const grpcMessage = (text: string): string => text.replace(/[^\x20-\x24\x26-\x7e]/gu, encodeCharacter);

const encodeCharacter = (character: string): string =>
  [...Buffer.from(character)].map((octet) => `%${octet.toString(16).toUpperCase().padStart(2, '0')}`).join('');

/** The flag of the frame that holds trailers; other frames are messages, with 0 or 1 (compressed). */
const trailersFlag = 0x80;

/** The last frame of an answer in gRPC-Web: its trailers as lines of text. */
export function trailersFrame(trailers: TFields): Buffer {
  let text = '';
  for (let at = 0; at < trailers.length; at += 2) {
    text += `${(trailers[at] as string).toLowerCase()}: ${trailers[at + 1]}\r\n`;
  }
  const frame = Buffer.alloc(5 + text.length);
  frame[0] = trailersFlag;
  frame.writeUInt32BE(text.length, 1);
  frame.write(text, 5, 'latin1');
  return frame;
}
