// The bridge of gRPC-Web between an exchange and an origin that a test plays.

import { fieldValue } from '../../ts/codec/http-message.js';
import { bridged } from '../../ts/http/grpc-web.js';
import { FakeOrigin } from '../helpers/exchange-world.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { Heard, makeHead } from '../helpers/upstream-world.js';

/** A request of that type on its way, and who hears its answer. */
function ask(type: string, contentLength = -1) {
  const origin = new FakeOrigin();
  const fields = ['content-type', type, 'x-grpc-web', '1', 'accept', type, 'x-own', 'a'];
  const head = makeHead({ method: 'POST', fields, contentLength });
  const bridge = bridged(origin, head);
  const heard = new Heard();
  bridge.send(head, heard);
  return { origin, bridge, heard };
}

const grpc = ['content-type', 'application/grpc+proto'];
const answered = (fields: string[]) => ({ status: 200, reason: '', fields, contentLength: -1 });

tap.test('the head becomes one of gRPC; the length stays what it is, unless base64 makes it another', () => {
  const web = ask('application/grpc-web+proto', 7);
  expect(web.origin.head?.fields).toEqual(['content-type', 'application/grpc+proto', 'x-own', 'a', 'TE', 'trailers']);
  expect(web.origin.head?.contentLength).toEqual(7);
  expect(ask('application/grpc-web-text', 8).origin.head?.contentLength).toEqual(-1);
  expect(ask('application/grpc-web-text', 0).origin.head?.contentLength).toEqual(0);
});

tap.test('requests of any other kind have their origin for themselves', () => {
  for (const fields of [[], ['content-type', 'application/grpc'], ['content-type', 'text/plain']]) {
    const origin = new FakeOrigin();
    expect(bridged(origin, makeHead({ fields })) === origin).toBeTrue();
  }
});

tap.test('what waits for a group of three goes out when nothing more comes, padded', () => {
  const { origin, heard } = ask('application/grpc-web-text');
  origin.to.answerHead(answered(grpc));
  expect(fieldValue(heard.head?.fields ?? [], 'content-type')).toEqual('application/grpc-web-text+proto');
  origin.to.answerData(Buffer.from('abcd'));
  expect(heard.body).toEqual('YWJj');
  origin.to.answerPause();
  expect(heard.body).toEqual('YWJjZA==');
  origin.to.answerEnd(['grpc-status', '0']);
  const last = Buffer.from(heard.body.slice(8), 'base64');
  expect([last[0], last.toString('latin1', 5)]).toEqual([0x80, 'grpc-status: 0\r\n']);
  expect(heard.trailers).toBeNull();
});

tap.test('an answer that is nothing but a head gets a last frame; one that is none of gRPC passes as it is', () => {
  const { origin, heard } = ask('application/grpc-web');
  origin.to.answerHead({ ...answered([...grpc, 'Grpc-Status', '5', 'x-own', 'b']), contentLength: 0 });
  expect([heard.head?.fields, heard.head?.contentLength]).toEqual([
    ['content-type', 'application/grpc-web+proto', 'x-own', 'b'],
    -1,
  ]);
  origin.to.answerEnd(null);
  expect(heard.body.slice(5)).toEqual('grpc-status: 5\r\n');
  const foreign = ask('application/grpc-web');
  const html = { ...answered(['content-type', 'text/html', 'grpc-status', '1']), contentLength: 3 };
  foreign.origin.to.answerHead(html);
  foreign.origin.to.answerData(Buffer.from('<p>'));
  foreign.origin.to.answerEnd(['x-sum', '1']);
  expect([foreign.heard.head, foreign.heard.body, foreign.heard.trailers]).toEqual([html, '<p>', ['x-sum', '1']]);
});

tap.test('what is no base64 fails the request, not in the midst of sending it', async () => {
  const { origin, bridge, heard } = ask('application/grpc-web-text');
  expect(bridge.data(Buffer.from('YWJj'))).toBeTrue();
  expect(bridge.data(Buffer.from('*'.repeat(4)))).toBeTrue();
  expect([origin.body, heard.failure]).toEqual(['abc', null]);
  await new Promise((resolve) => setImmediate(resolve));
  expect(origin.calls.includes('cancel')).toBeTrue();
  expect(heard.code).toEqual('REQUEST_MALFORMED');
  const given = ask('application/grpc-web-text');
  given.bridge.data(Buffer.from('YW'));
  given.bridge.end(null);
  given.bridge.cancel();
  await new Promise((resolve) => setImmediate(resolve));
  expect([given.heard.failure, given.origin.calls.includes('end')]).toEqual([null, false]);
});

export default tap.start();
