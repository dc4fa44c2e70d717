import { startAttackOrigin } from '../../ts/attack.js';
import { openRawHttp } from '../helpers/http-clients.js';
import { expect, tap } from '../helpers/tapbundle.js';

tap.test('the target of an attack tells what reached it, in its order and with its trailers', async () => {
  await using origin = await startAttackOrigin();
  await using client = await openRawHttp(origin.port);
  client.send('GET /a?b HTTP/1.1\r\nHost: a.test\r\nX-Canary: c1\r\n\r\n');
  expect((await client.readAnswer()).body).toEqual('the answer to c1');
  const chunked = 'POST /c HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n5;x\r\nhello\r\n0\r\n';
  client.send(`${chunked}Authorization: y\r\nX_Y: z\r\n\r\n`);
  expect((await client.readAnswer()).body).toEqual('taken');
  const { requests, faults } = origin.take();
  expect(faults).toEqual([]);
  expect(requests.map(({ method, target, content }) => [method, target, content])).toEqual([
    ['GET', '/a?b', ''],
    ['POST', '/c', 'hello'],
  ]);
  expect(requests[0]?.fields).toEqual(['Host', 'a.test', 'X-Canary', 'c1']);
  expect(requests[1]?.trailers).toEqual(['Authorization', 'y', 'X_Y', 'z']);
  expect(origin.take().requests).toEqual([]);
});

tap.test('what readers take differently is a fault, and a beginning is no request', async () => {
  await using origin = await startAttackOrigin();
  await using client = await openRawHttp(origin.port);
  client.send('POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n');
  expect((await client.readAnswer()).status).toEqual(400);
  await client.ended;
  expect(origin.take().faults).toHaveLength(1);
  await using other = await openRawHttp(origin.port);
  other.send('POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX');
  await other.ended;
  const { requests, faults } = origin.take();
  expect(requests.map(({ isWhole }) => isWhole)).toEqual([false]);
  expect(faults).toHaveLength(1);
});

export default tap.start();
