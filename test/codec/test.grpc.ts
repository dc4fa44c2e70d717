import { asKind, grpcKind, grpcMessage, trailersFrame } from '../../ts/codec/grpc.js';
import { expect, tap } from '../helpers/tapbundle.js';

tap.test('what is gRPC, and of which kind, is told by the type', () => {
  const kinds: Record<string, ReturnType<typeof grpcKind>> = {
    'application/grpc': 'grpc',
    'application/grpc+proto': 'grpc',
    'Application/GRPC; charset=utf-8': 'grpc',
    'application/grpc-web': 'web',
    'application/grpc-web+proto': 'web',
    'application/grpc-web; a=b': 'web',
    'application/grpc-web-text': 'text',
    'application/grpc-web-text+proto': 'text',
    'application/grpcs': null,
    'application/grpc-webs': null,
    'application/grpc-other': null,
    'application/json': null,
    'text/application/grpc': null,
    '': null,
  };
  for (const [type, kind] of Object.entries(kinds)) expect([type, grpcKind(type)]).toEqual([type, kind]);
  expect(grpcKind(null)).toBeNull();
});

tap.test('a type changes its kind and keeps the rest', () => {
  expect(asKind('application/grpc-web-text+proto', 'grpc')).toEqual('application/grpc+proto');
  expect(asKind('application/grpc-web', 'grpc')).toEqual('application/grpc');
  expect(asKind('application/grpc+json; a=b', 'text')).toEqual('application/grpc-web-text+json; a=b');
  expect(asKind('application/grpc', 'web')).toEqual('application/grpc-web');
});

tap.test('a message is printable whatever it says', () => {
  expect(grpcMessage('no route, 100 %')).toEqual('no route, 100 %25');
  expect(grpcMessage('ü\n~')).toEqual('%C3%BC%0A~');
  expect(grpcMessage('\u{1f600}')).toEqual('%F0%9F%98%80');
});

tap.test('trailers become lines in a frame of their own', () => {
  const frame = trailersFrame(['Grpc-Status', '5', 'x-own', 'a b']);
  expect([frame[0], frame.readUInt32BE(1)]).toEqual([0x80, frame.length - 5]);
  expect(frame.toString('latin1', 5)).toEqual('grpc-status: 5\r\nx-own: a b\r\n');
  expect(trailersFrame([])).toEqual(Buffer.from([0x80, 0, 0, 0, 0]));
});

export default tap.start();
