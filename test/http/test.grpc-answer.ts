import { ProxyError, type TErrorCode } from '../../ts/base/errors.js';
import { fieldValue, type IRequestHead } from '../../ts/codec/http-message.js';
import { errorAnswer } from '../../ts/http/error-answer.js';
import { inKind } from '../../ts/http/grpc-answer.js';
import { expect, tap } from '../helpers/tapbundle.js';

const requestOf = (type: string | null, version: IRequestHead['version'] = '2'): IRequestHead => ({
  ...{ version, method: 'POST', target: '/', authority: 'a.test', host: 'a.test', contentLength: -1 },
  ...{ fields: type === null ? [] : ['content-type', type], expectsContinue: false, upgrade: null, close: false },
});

const statusOf = (status: number, code: TErrorCode | null = null): string | null => {
  const error = code === null ? null : new ProxyError(code, '');
  return fieldValue(inKind(errorAnswer(status), requestOf('application/grpc'), error).head.fields, 'grpc-status');
};

tap.test('an error becomes the status that its clients act on', () => {
  const statuses = { 400: 13, 401: 16, 403: 7, 404: 12, 408: 4, 413: 8, 418: 2, 421: 14, 431: 8, 499: 1 };
  const ofServers = { 500: 13, 501: 12, 502: 14, 503: 14, 504: 4, 508: 13 };
  for (const [status, expected] of Object.entries({ ...statuses, ...ofServers })) {
    expect([status, statusOf(Number(status))]).toEqual([status, String(expected)]);
  }
});

tap.test('what is known better than by its status is told better', () => {
  expect([statusOf(504, 'TARGET_TIMEOUT'), statusOf(504, 'RESPONSE_TIMEOUT')]).toEqual(['14', '4']);
  expect([statusOf(502, 'TARGET_MALFORMED'), statusOf(502, 'TARGET_VERSION')]).toEqual(['13', '12']);
  expect(statusOf(502, 'TARGET_UNREACHABLE')).toEqual('14');
});

tap.test('gRPC gets a head and nothing else, with the text of the error', () => {
  const own = errorAnswer(403, 'not for ü');
  const { head, body } = inKind(own, requestOf('application/grpc+proto'), null);
  expect([head.status, head.contentLength, body.length]).toEqual([200, -1, 0]);
  expect(head.fields).toEqual([
    ...['Content-Type', 'application/grpc+proto', 'Cache-Control', 'no-store'],
    ...['Grpc-Status', '7', 'Grpc-Message', 'not for %C3%BC'],
  ]);
  const old = inKind(own, requestOf('application/grpc', '1.1'), null);
  expect(old.head.contentLength).toEqual(0);
});

tap.test('browsers get a frame, in base64 where they asked so', () => {
  const { head, body } = inKind(errorAnswer(404), requestOf('application/grpc-web+proto', '1.1'), null);
  const text = 'grpc-status: 12\r\ngrpc-message: 404 Not Found\r\n';
  expect([head.status, head.contentLength, body.toString('latin1', 5)]).toEqual([200, body.length, text]);
  expect(fieldValue(head.fields, 'grpc-status')).toBeNull();
  const encoded = inKind(errorAnswer(404), requestOf('application/grpc-web-text'), null);
  expect(Buffer.from(encoded.body.toString(), 'base64').equals(body)).toBeTrue();
  expect(fieldValue(encoded.head.fields, 'content-type')).toEqual('application/grpc-web-text');
});

tap.test('what a route says, and what other clients get, stays as it is', () => {
  const own = errorAnswer(404);
  for (const type of [null, 'application/json', 'application/grpcs']) {
    expect(inKind(own, requestOf(type), null) === own).toBeTrue();
  }
  const routes = { ...own, isError: false };
  expect(inKind(routes, requestOf('application/grpc'), null) === routes).toBeTrue();
});

export default tap.start();
