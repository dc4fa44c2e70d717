import { fieldValue, type IRequestHead, type IResponseHead } from '../../ts/codec/http-message.js';
import type { IResolvedWebSocket } from '../../ts/config/resolved.js';
import {
  acceptOf,
  asOpening,
  checkSwitched,
  checkUpgrade,
  opensBySuccess,
  rewriteUpgrade,
} from '../../ts/http/websocket.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { makeWebSocketRules } from '../helpers/websockets.js';

/** The example of RFC 6455 §1.3. */
const key = 'dGhlIHNhbXBsZSBub25jZQ==';
const accept = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';

const opening: IRequestHead = {
  version: '1.1',
  method: 'GET',
  target: '/chat?room=1',
  authority: 'a.test',
  host: 'a.test',
  fields: ['Origin', 'https://a.test', 'Sec-WebSocket-Key', key, 'Sec-WebSocket-Version', '13'],
  contentLength: 0,
  expectsContinue: false,
  upgrade: 'websocket',
  close: false,
};

const withFields = (...fields: string[]): IRequestHead => ({ ...opening, fields: [...opening.fields, ...fields] });
const without = (name: string): IRequestHead => {
  const at = opening.fields.indexOf(name);
  return { ...opening, fields: [...opening.fields.slice(0, at), ...opening.fields.slice(at + 2)] };
};
const statusOf = (head: IRequestHead, rules: Partial<IResolvedWebSocket> = {}): number | null =>
  checkUpgrade(head, makeWebSocketRules(rules))?.status ?? null;

tap.test('an opening as RFC 6455 has it is passed on', () => {
  expect(checkUpgrade(opening, makeWebSocketRules())).toBeNull();
});

tap.test('what is no opening in every respect is refused', () => {
  const refused: Record<string, [IRequestHead, number]> = {
    post: [{ ...opening, method: 'POST' }, 400],
    'HTTP/1.0': [{ ...opening, version: '1.0' }, 400],
    content: [{ ...opening, contentLength: 5 }, 400],
    'chunked content': [{ ...opening, contentLength: -1 }, 400],
    'no key': [without('Sec-WebSocket-Key'), 400],
    'two keys': [withFields('sec-websocket-key', key), 400],
    'a key of 15 bytes': [
      {
        ...without('Sec-WebSocket-Key'),
        fields: ['Sec-WebSocket-Version', '13', 'Sec-WebSocket-Key', 'AAAAAAAAAAAAAAAAAAAA'],
      },
      400,
    ],
    'a key with stray bits': [
      {
        ...without('Sec-WebSocket-Key'),
        fields: ['Sec-WebSocket-Version', '13', 'Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZR=='],
      },
      400,
    ],
    'no version': [without('Sec-WebSocket-Version'), 426],
    'two versions': [withFields('Sec-WebSocket-Version', '13'), 426],
    'version 8': [
      { ...without('Sec-WebSocket-Version'), fields: ['Sec-WebSocket-Key', key, 'Sec-WebSocket-Version', '8'] },
      426,
    ],
  };
  for (const [what, [head, status]] of Object.entries(refused)) expect([what, statusOf(head)]).toEqual([what, status]);
});

tap.test('who asks for another version is told ours', () => {
  expect(checkUpgrade(without('Sec-WebSocket-Version'), makeWebSocketRules())?.fields).toEqual([
    'Sec-WebSocket-Version',
    '13',
  ]);
});

tap.test('a route without WebSockets forbids them', () => {
  expect(statusOf(opening, { enabled: false })).toEqual(403);
});

const origins: readonly [string, readonly string[], boolean][] = [
  ['https://a.test', ['https://a.test'], true],
  ['HTTPS://A.test', ['https://a.TEST'], true],
  ['http://a.test', ['https://a.test'], false],
  ['https://a.test:444', ['https://a.test'], false],
  ['https://a.test:444', ['https://a.test:444'], true],
  ['https://a.test:444', ['a.test'], true],
  ['https://a.test.evil.com', ['https://a.test', 'a.test', '*.a.test'], false],
  ['https://eviltest', ['*.test'], false],
  ['https://x.a.test', ['*.a.test'], true],
  ['http://x.y.a.test:81', ['*.a.test'], true],
  ['https://a.test', ['*.a.test'], false],
  ['https://.a.test', ['*.a.test'], false],
  ['https://x.a.test', ['https://*.a.test'], true],
  ['http://x.a.test', ['https://*.a.test'], false],
  ['https://x.a.test:444', ['https://*.a.test'], false],
  ['https://[::1]:8080', ['https://[::1]:8080'], true],
  ['https://a.test, https://a.test', ['https://a.test', '*'.concat('.test')], false],
  ['https://evil.com/.a.test', ['*.a.test'], false],
  ['null', ['*.a.test'], false],
  ['null', ['null'], true],
];

for (const [origin, allowedOrigins, allowed] of origins) {
  tap.test(`origin ${origin} ${allowed ? 'may' : 'may not'} open one where ${allowedOrigins} may`, () => {
    const head = { ...without('Origin'), fields: [...without('Origin').fields, 'Origin', origin] };
    expect(statusOf(head, { allowedOrigins })).toEqual(allowed ? null : 403);
  });
}

tap.test('without an origin only a route that lets any open one is open', () => {
  expect([statusOf(without('Origin')), statusOf(without('Origin'), { allowedOrigins: ['https://a.test'] })]).toEqual([
    null,
    403,
  ]);
});

const values = { get: (name: string) => ({ path: '/chat', clientIp: '10.0.0.1' })[name] ?? '' };

tap.test('by default the opening goes on as it is', () => {
  expect(rewriteUpgrade(opening, makeWebSocketRules(), values)).toEqual(opening);
});

tap.test('the path follows its template and keeps its query, unless the template has one', () => {
  const target = (...rewritePath: string[]) =>
    rewriteUpgrade(opening, makeWebSocketRules({ rewritePath }), values).target;
  expect(target('/ws', 'path', '')).toEqual('/ws/chat?room=1');
  expect(target('/ws?of=', 'clientIp', '')).toEqual('/ws?of=10.0.0.1');
  expect(target('ws')).toEqual('/ws?room=1');
  expect(target('/a b\r\nX: y#z')).toEqual('/a%20b%0D%0AX:%20y%23z?room=1');
});

tap.test('only the listed subprotocols reach the target, in the order that the client has', () => {
  const asked = withFields('Sec-WebSocket-Protocol', 'b, c', 'sec-websocket-protocol', 'a');
  const given = (subprotocols: string[]) => {
    const { fields } = rewriteUpgrade(asked, makeWebSocketRules({ subprotocols }), values);
    return fields.slice(opening.fields.length);
  };
  expect(given(['a', 'b'])).toEqual(['Sec-WebSocket-Protocol', 'b, a']);
  expect(given(['x'])).toEqual([]);
});

tap.test('where messages have a limit no extension is offered', () => {
  const asked = withFields('Sec-WebSocket-Extensions', 'permessage-deflate');
  expect(rewriteUpgrade(asked, makeWebSocketRules(), values).fields).toEqual(asked.fields);
  expect(rewriteUpgrade(asked, makeWebSocketRules({ maxPayload: 5 }), values).fields).toEqual(opening.fields);
});

tap.test('headers of the route are set on the opening', () => {
  const customHeaders = [{ name: 'x-from', template: ['ip ', 'clientIp', ''] }];
  const { fields } = rewriteUpgrade(opening, makeWebSocketRules({ customHeaders }), values);
  expect(fields.slice(-2)).toEqual(['x-from', 'ip 10.0.0.1']);
});

tap.test('the answer to a key is that of RFC 6455', () => {
  expect(acceptOf(key)).toEqual(accept);
});

const switched: IResponseHead = {
  status: 101,
  reason: '',
  fields: ['Upgrade', 'WebSocket', 'Connection', 'keep-alive, Upgrade', 'Sec-WebSocket-Accept', accept],
  contentLength: 0,
};
const answer = (...fields: string[]): IResponseHead => ({ ...switched, fields });

tap.test('a target that understood the opening may switch', () => {
  expect(checkSwitched(opening, switched)).toBeNull();
  const asked = withFields('Sec-WebSocket-Protocol', 'a, b', 'Sec-WebSocket-Extensions', 'permessage-deflate; x=1, y');
  const chosen = answer(
    ...switched.fields,
    'Sec-WebSocket-Protocol',
    'b',
    'Sec-WebSocket-Extensions',
    'permessage-deflate',
  );
  expect(checkSwitched(asked, chosen)).toBeNull();
});

tap.test('a target that did not is found out', () => {
  const wrong = {
    'another key': answer('Upgrade', 'websocket', 'Connection', 'upgrade', 'Sec-WebSocket-Accept', acceptOf('x')),
    'no answer to the key': answer('Upgrade', 'websocket', 'Connection', 'upgrade'),
    'no Connection': answer('Upgrade', 'websocket', 'Sec-WebSocket-Accept', accept),
    'another Connection': answer('Upgrade', 'websocket', 'Connection', 'close', 'Sec-WebSocket-Accept', accept),
    'no Upgrade': answer('Connection', 'upgrade', 'Sec-WebSocket-Accept', accept),
    'another protocol': answer('Upgrade', 'h2c', 'Connection', 'upgrade', 'Sec-WebSocket-Accept', accept),
    'a subprotocol unasked': answer(...switched.fields, 'Sec-WebSocket-Protocol', 'a'),
    'an extension unasked': answer(...switched.fields, 'Sec-WebSocket-Extensions', 'permessage-deflate'),
  };
  for (const [what, head] of Object.entries(wrong)) {
    expect([what, typeof checkSwitched(opening, head)]).toEqual([what, 'string']);
  }
});

/** The same by HTTP/2. */
const connect: IRequestHead = { ...without('Sec-WebSocket-Key'), version: '2', method: 'CONNECT' };

tap.test('extended CONNECT is the GET that it stands for, and needs no key', () => {
  expect(asOpening(connect)).toEqual({ ...connect, method: 'GET' });
  expect(statusOf(asOpening(connect))).toBeNull();
  expect(statusOf({ ...asOpening(connect), fields: [] })).toEqual(426);
  for (const other of [
    { ...connect, upgrade: 'connect-udp' },
    { ...connect, upgrade: null },
  ]) {
    expect(asOpening(other)).toEqual(other);
  }
});

tap.test('any success opens a tunnel there, and only there', () => {
  expect([opensBySuccess(connect), opensBySuccess(asOpening(connect))]).toEqual([true, true]);
  expect([opensBySuccess(opening), opensBySuccess({ ...connect, upgrade: null })]).toEqual([false, false]);
});

tap.test('a target gets a key that is new each time, and none of the client', () => {
  const given = { ...asOpening(connect), fields: [...connect.fields, 'sec-websocket-key', 'x'] };
  const keys = [1, 2].map(() => {
    const { fields } = rewriteUpgrade(given, makeWebSocketRules(), values);
    expect(fields.filter((name) => name.toLowerCase() === 'sec-websocket-key').length).toEqual(1);
    return fieldValue(fields, 'sec-websocket-key') ?? '';
  });
  expect(keys[0] === keys[1]).toBeFalse();
  for (const made of keys) expect(Buffer.from(made, 'base64').length).toEqual(16);
});

tap.test('a target of HTTP/2 proves nothing, but may choose only what was offered', () => {
  expect(checkSwitched(opening, { ...switched, status: 200, fields: [] })).toBeNull();
  expect(checkSwitched(opening, { ...switched, status: 200, fields: ['sec-websocket-protocol', 'a'] })).toContain(
    'subprotocol',
  );
});

export default tap.start();
