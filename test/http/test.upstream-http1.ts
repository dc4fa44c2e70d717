import type { Socket } from 'node:net';
import type { IOrigin } from '../../ts/http/exchange-types.js';
import { makeCertificate } from '../helpers/certificates.js';
import { okAnswer, startHttpOrigin, startRecordingOrigin, type TScripted } from '../helpers/http-origins.js';
import { startOrigin } from '../helpers/origins.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';
import { Heard, makeHead, UpstreamWorld } from '../helpers/upstream-world.js';

/** What a first request hears of a script, and how many connections are kept after it. */
async function hear(script: TScripted, head: Parameters<typeof makeHead>[0] = {}): Promise<[Heard, number]> {
  await using origin = await startRecordingOrigin(script);
  await using world = new UpstreamWorld();
  const heard = await world.ask(origin.port, head);
  return [heard, world.upstreams.stats.idle];
}

const soon = (condition: () => boolean, want: string): Promise<void> => until(condition, 5_000, () => want);

/** The origin of a want, and its socket. */
async function open(world: UpstreamWorld, port: number): Promise<{ origin: IOrigin; socket: Socket }> {
  const origin = await world.acquire(world.want(port));
  return { origin, socket: (origin as unknown as { socket: Socket }).socket };
}

const blame = ({ failure }: Heard): string =>
  [failure?.unsent && 'unsent', failure?.stale && 'stale'].filter(Boolean).join(' ');

function counts({ upstreams }: UpstreamWorld): string {
  const { open, idle } = upstreams.stats;
  return `${open} open, ${idle} idle`;
}

const answers: readonly [string, TScripted, Parameters<typeof makeHead>[0], string, string][] = [
  ['an answer with a length', okAnswer('hello'), {}, 'hello', 'kept'],
  [
    'chunked content',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n',
    {},
    'abcde',
    'kept',
  ],
  ['content until the FIN', { steps: ['HTTP/1.1 200 OK\r\n\r\nall of it', 'fin'] }, {}, 'all of it', 'gone'],
  ['Connection: close', okAnswer('bye', ['Connection: close']), {}, 'bye', 'gone'],
  ['HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok', {}, 'ok', 'gone'],
  [
    'HTTP/1.0 that keeps the connection',
    'HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok',
    {},
    'ok',
    'kept',
  ],
  ['an answer to HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n', { method: 'HEAD' }, '', 'kept'],
  ['204', 'HTTP/1.1 204 No Content\r\n\r\n', {}, '', 'kept'],
  ['304 that states a length', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n', {}, '', 'kept'],
  [
    'more than the stated length',
    'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n',
    {},
    'ok',
    'gone',
  ],
];

for (const [title, script, head, body, fate] of answers) {
  tap.test(`reads ${title}; afterwards the connection is ${fate}`, async () => {
    const [heard, idle] = await hear(script, head);
    expect(heard.code).toEqual('');
    expect(heard.body).toEqual(body);
    expect(heard.calls.filter((call) => call === 'head' || call === 'end')).toEqual(['head', 'end']);
    expect(idle).toEqual(fate === 'kept' ? 1 : 0);
  });
}

const hostile: readonly [string, TScripted, Parameters<typeof makeHead>[0]][] = [
  [
    'Content-Length with Transfer-Encoding',
    'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    {},
  ],
  ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd', {}],
  ['a length that is no number', 'HTTP/1.1 200 OK\r\nContent-Length: +3\r\n\r\nabc', {}],
  ['an unknown coding', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nabc', {}],
  ['a bare LF in the head', 'HTTP/1.1 200 OK\nContent-Length: 2\r\n\r\nok', {}],
  ['a bare CR in a value', 'HTTP/1.1 200 OK\r\nX: a\rSet-Cookie: b\r\nContent-Length: 2\r\n\r\nok', {}],
  ['a folded line', 'HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\nok', {}],
  ['a space before the colon', 'HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok', {}],
  ['a head that is too long', `HTTP/1.1 200 OK\r\nX: ${'a'.repeat(20_000)}\r\n\r\n`, {}],
  ['too many fields', `HTTP/1.1 200 OK\r\n${'X: a\r\n'.repeat(200)}\r\n`, {}],
  ['something else than HTTP', 'SSH-2.0-OpenSSH_9.2\r\n', {}],
  [
    '101 that nobody asked for',
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
    {},
  ],
  [
    '101 to another protocol',
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n',
    { upgrade: 'websocket' },
  ],
  ['a flood of interim answers', 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'.repeat(40), {}],
  ['204 with content', 'HTTP/1.1 204 No Content\r\n\r\nabc', {}],
  ['an answer to HEAD with content', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc', { method: 'HEAD' }],
  ['a size of a chunk that is no number', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n', {}],
  [
    'a chunk that is longer than its size',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n0\r\n\r\n',
    {},
  ],
];

for (const [title, script, head] of hostile) {
  tap.test(`refuses ${title}, and drops the connection`, async () => {
    await using origin = await startRecordingOrigin(script);
    await using world = new UpstreamWorld();
    const heard = await world.ask(origin.port, head);
    expect(heard.code).toEqual('TARGET_MALFORMED');
    expect(heard.failure?.unsent).toEqual(false);
    expect(heard.failure?.stale).toEqual(false);
    expect(world.upstreams.stats.open).toEqual(0);
    await soon(() => origin.open === 0, 'the end of the connection');
  });
}

const cut: readonly [string, TScripted, boolean][] = [
  ['FIN inside of a length', { steps: ['HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc', 'fin'] }, true],
  ['FIN inside of chunks', { steps: ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc', 'fin'] }, true],
  [
    'FIN before the last chunk',
    { steps: ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n', 'fin'] },
    true,
  ],
  [
    'a reset inside of content that the FIN ends',
    { steps: ['HTTP/1.1 200 OK\r\n\r\nabc', { pauseMs: 5 }, 'reset'] },
    true,
  ],
  ['FIN inside of a head', { steps: ['HTTP/1.1 200 OK\r\nContent-', 'fin'] }, false],
  ['FIN instead of an answer', { steps: ['fin'] }, false],
  ['a reset instead of an answer', { steps: ['reset'] }, false],
];

for (const [title, script, hasHead] of cut) {
  tap.test(`says that the target broke at ${title}`, async () => {
    const [heard, idle] = await hear(script);
    expect(heard.code).toEqual('TARGET_BROKE');
    expect(blame(heard)).toEqual('');
    expect(heard.calls.includes('head')).toEqual(hasHead);
    expect(heard.calls.includes('end')).toEqual(false);
    expect(idle).toEqual(0);
  });
}

tap.test('gives interim answers on, and reads an answer that comes byte by byte', async () => {
  const text = `HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${okAnswer('hello')}`;
  await using origin = await startOrigin((socket) => {
    socket.setNoDelay(true);
    socket.once('data', async () => {
      for (const letter of text) {
        socket.write(letter);
        await new Promise((resolve) => setImmediate(resolve));
      }
    });
  });
  await using world = new UpstreamWorld();
  const heard = await world.ask(origin.port);
  expect(heard.informs).toEqual([{ status: 103, fields: ['Link', '</a>'] }]);
  expect(heard.body).toEqual('hello');
  expect(world.upstreams.stats.idle).toEqual(1);
});

tap.test('gives trailers on', async () => {
  const [heard] = await hear('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 7\r\n\r\n');
  expect(heard.trailers).toEqual(['X-Sum', '7']);
});

tap.test('hands the socket over after 101, with what came behind it, and knows it no more', async () => {
  await using origin = await startOrigin((socket) => {
    socket.once('data', () => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: upgrade\r\n\r\nearly');
      socket.pipe(socket);
    });
  });
  await using world = new UpstreamWorld();
  const heard = await world.ask(origin.port, { upgrade: 'websocket' });
  expect(heard.calls).toEqual(['switched']);
  expect(heard.switched?.bytes?.toString()).toEqual('early');
  expect(world.upstreams.stats.open).toEqual(0);
  const socket = heard.switched?.socket as Socket;
  expect(socket.destroyed).toEqual(false);
  expect(socket.listenerCount('data')).toEqual(0);
  socket.write('echo');
  const [back] = await new Promise<[Buffer]>((resolve) => {
    socket.once('data', (bytes: Buffer) => resolve([bytes]));
    socket.resume();
  });
  expect(back.toString()).toEqual('echo');
  await world.upstreams.cleanup();
  expect(socket.destroyed).toEqual(false);
  socket.destroy();
});

tap.test('sends a head and small content in one write, and chunks what has no length', async () => {
  await using server = await startRecordingOrigin();
  await using world = new UpstreamWorld();
  const { origin, socket } = await open(world, server.port);
  const writes: number[] = [];
  const { write } = socket;
  socket.write = ((...given: Parameters<typeof write>) => {
    writes.push((given[0] as Buffer).length);
    return write.apply(socket, given);
  }) as typeof write;
  const first = new Heard();
  origin.send(makeHead({ method: 'POST', contentLength: 5 }), first);
  origin.data(Buffer.from('hello'));
  origin.end(null);
  await first.end();
  expect(writes.length).toEqual(1);
  const { origin: again } = await open(world, server.port);
  const second = new Heard();
  again.send(makeHead({ method: 'POST', contentLength: -1 }), second);
  again.data(Buffer.from('hello'));
  again.data(Buffer.alloc(0));
  again.data(Buffer.alloc(20_000, 'x'));
  again.end(['X-Sum', '7']);
  await second.end();
  expect(again).toEqual(origin);
  expect(server.faults).toEqual([]);
  const [one, two] = server.requests;
  expect(one?.field('content-length')).toEqual('5');
  expect(two?.field('transfer-encoding')).toEqual('chunked');
  expect(two?.message.body.length).toEqual(20_005);
  expect(server.bytesOf(0).toString('latin1').endsWith('\r\n0\r\nX-Sum: 7\r\n\r\n')).toEqual(true);
});

tap.test('sends a head that waits when it is told that nothing more comes now', async () => {
  await using server = await startRecordingOrigin();
  await using world = new UpstreamWorld();
  const { origin } = await open(world, server.port);
  const heard = new Heard();
  origin.send(makeHead({ method: 'POST', contentLength: 2 }), heard);
  origin.flush();
  await server.seen(1);
  origin.data(Buffer.from('ok'));
  origin.end(null);
  expect((await heard.end()).body).toEqual('ok');
});

tap.test('content in small pieces goes out as a few, at the end of the tick in which it came', async () => {
  await using server = await startRecordingOrigin();
  await using world = new UpstreamWorld();
  const { origin } = await open(world, server.port);
  const heard = new Heard();
  origin.send(makeHead({ method: 'POST', contentLength: -1 }), heard);
  for (let count = 0; count < 10_000; count++) expect(origin.data(Buffer.from('x'))).toEqual(true);
  await soon(() => server.requests[0]?.message.body.length === 10_000, 'the content, before the end of the request');
  origin.data(Buffer.from('y'));
  origin.data(Buffer.alloc(600, 'z'));
  origin.end(null);
  expect((await heard.end()).body).toEqual('ok');
  const { body, raw } = server.requests[0]?.message ?? { body: Buffer.alloc(0), raw: Buffer.alloc(0) };
  expect(body.toString()).toEqual(`${'x'.repeat(10_000)}y${'z'.repeat(600)}`);
  expect(raw.length - body.length).toBeLessThan(300);
});

for (const [title, length, text] of [
  ['more', 3, 'four'],
  ['less', 9, 'four'],
] as const) {
  tap.test(`breaks off a request of ${title} content than its head says`, async () => {
    await using server = await startRecordingOrigin();
    await using world = new UpstreamWorld();
    const { origin } = await open(world, server.port);
    const heard = new Heard();
    origin.send(makeHead({ method: 'POST', contentLength: length }), heard);
    origin.data(Buffer.from(text));
    origin.end(null);
    expect(heard.over).toEqual(false);
    await heard.end();
    expect(heard.code).toEqual('REQUEST_MALFORMED');
    expect(world.upstreams.stats.open).toEqual(0);
    await soon(() => server.open === 0, 'the end of the connection');
    // Small content waits for the end of the tick, and then there was nothing to send it to.
    expect(server.bytesOf(0).toString('latin1').includes(text)).toEqual(false);
  });
}

tap.test('an answer that comes before the content was sent is told, and costs the connection', async () => {
  await using server = await startRecordingOrigin({ steps: [okAnswer('early')], from: 'head' });
  await using world = new UpstreamWorld();
  const { origin } = await open(world, server.port);
  const heard = new Heard();
  origin.send(makeHead({ method: 'POST', contentLength: 6 }), heard);
  origin.data(Buffer.from('abc'));
  await heard.end();
  expect(heard.body).toEqual('early');
  expect(counts(world)).toEqual('0 open, 0 idle');
  // What was under way when the answer came goes nowhere.
  expect(origin.data(Buffer.from('def'))).toEqual(true);
  origin.end(null);
  expect((await world.ask(server.port)).body).toEqual('early');
  expect(server.sockets.length).toEqual(2);
  expect(server.bytesOf(0).toString('latin1').endsWith('abc')).toEqual(true);
});

tap.test('bytes that nobody asked for end an idle connection at once', async () => {
  await using server = await startOrigin((socket) => {
    socket.on('data', () => socket.write(okAnswer()));
  });
  await using world = new UpstreamWorld();
  await world.ask(server.port);
  expect(world.upstreams.stats.idle).toEqual(1);
  server.sockets[0]?.write(okAnswer('poison'));
  await soon(() => world.upstreams.stats.open === 0, 'the end of the connection');
  expect((await world.ask(server.port)).body).toEqual('ok');
});

for (const how of ['end', 'resetAndDestroy'] as const) {
  tap.test(`an idle connection that the target ends by ${how} leaves the pool`, async () => {
    await using server = await startHttpOrigin((_, response) => response.end('ok'));
    const sockets: Socket[] = [];
    server.server.on('connection', (socket: Socket) => sockets.push(socket));
    await using world = new UpstreamWorld();
    await world.ask(server.port);
    sockets[0]?.[how]();
    await soon(() => world.upstreams.stats.open === 0, 'the end of the connection');
    expect((await world.ask(server.port)).body).toEqual('ok');
  });
}

tap.test(
  'a used connection that ends without a byte of an answer was stale; whether the request was seen, nobody knows',
  async () => {
    await using server = await startRecordingOrigin((_, n) => (n === 0 ? okAnswer() : { steps: ['fin'] }));
    await using world = new UpstreamWorld();
    await world.ask(server.port);
    const heard = await world.ask(server.port, { method: 'POST' });
    expect(heard.code).toEqual('TARGET_BROKE');
    expect(blame(heard)).toEqual('stale');
  },
);

tap.test('what the kernel refuses to send, because it knows of a reset, was not sent', async () => {
  await using server = await startOrigin((socket) => {
    socket.on('data', () => socket.write(okAnswer()));
  });
  await using world = new UpstreamWorld();
  await world.ask(server.port);
  const { origin } = await open(world, server.port);
  // The reset is on its way before the request is written, and nobody has heard of it yet.
  server.sockets[0]?.resetAndDestroy();
  const heard = new Heard();
  origin.send(makeHead({ method: 'POST', contentLength: 2 }), heard);
  origin.data(Buffer.from('ok'));
  origin.end(null);
  await heard.end();
  expect(heard.code).toEqual('TARGET_BROKE');
  expect(blame(heard)).toEqual('unsent stale');
});

tap.test('a target behind TLS can switch protocols too', async () => {
  const certificate = await makeCertificate({ names: ['a.test'] });
  await using server = await startHttpOrigin(undefined, { identity: certificate });
  server.server.on('upgrade', (_, socket: Socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nearly');
    socket.pipe(socket);
  });
  const settings = { rejectUnauthorized: true, servername: 'a.test', cert: null, certKey: null, passphrase: null };
  const tls = { ...settings, key: 'switch', ca: [certificate.ca] };
  await using world = new UpstreamWorld();
  const heard = await world.ask(server.port, { upgrade: 'websocket' }, { to: { tls } });
  const { socket, bytes } = heard.switched ?? {};
  expect(world.upstreams.stats.open).toEqual(0);
  socket?.write('more');
  let got = bytes?.toString() ?? '';
  socket?.on('data', (chunk: Buffer) => {
    got += chunk.toString();
  });
  socket?.resume();
  await soon(() => got === 'earlymore', 'the echo');
  socket?.destroy();
});

tap.test('408 on a used connection that is closed means that it was stale', async () => {
  const tired = 'HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n';
  await using server = await startRecordingOrigin((_, n) => (n === 1 ? tired : okAnswer()));
  await using world = new UpstreamWorld();
  await world.ask(server.port);
  const heard = await world.ask(server.port);
  expect(blame(heard)).toEqual('stale');
  expect(heard.calls).toEqual(['failed']);
});

tap.test('a connection that died between the loan and the request has sent nothing', async () => {
  await using server = await startHttpOrigin((_, response) => response.end('ok'));
  await using world = new UpstreamWorld();
  await world.ask(server.port);
  const { origin, socket } = await open(world, server.port);
  socket.destroy();
  await soon(() => world.upstreams.stats.open === 0, 'the end of the connection');
  const heard = new Heard();
  origin.send(makeHead({ method: 'POST' }), heard);
  await heard.end();
  expect(blame(heard)).toEqual('unsent stale');
  expect(server.requests.length).toEqual(1);
});

tap.test('cancel at every step leaves no socket', async () => {
  await using server = await startRecordingOrigin({
    steps: ['HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n'],
    from: 'head',
  });
  await using world = new UpstreamWorld();
  for (const step of ['send', 'content', 'inform', 'head', 'data', 'pause']) {
    const { origin } = await open(world, server.port);
    const heard = new Heard();
    const cancelled = new Promise<void>((resolve) => {
      heard.on = (call) => {
        if (call !== step) return;
        origin.cancel();
        resolve();
      };
    });
    origin.send(makeHead({ method: 'POST', contentLength: -1 }), heard);
    if (step === 'send') origin.cancel();
    origin.data(Buffer.from('abc'));
    if (step === 'content') origin.cancel();
    if (step !== 'send' && step !== 'content') await cancelled;
    expect(world.upstreams.stats.open).toEqual(0);
    expect(heard.calls.at(-1) ?? step).toEqual(step === 'content' ? step : step);
    await soon(() => server.open === 0, `no connection after ${step}`);
  }
});

tap.test('an origin that was not asked anything goes back to its pool when it is cancelled', async () => {
  await using server = await startHttpOrigin((_, response) => response.end('ok'));
  await using world = new UpstreamWorld();
  const { origin } = await open(world, server.port);
  expect(counts(world)).toEqual('1 open, 0 idle');
  origin.cancel();
  expect(counts(world)).toEqual('1 open, 1 idle');
});

tap.test('holds back a target whose content nobody takes', async () => {
  const total = 64 * 1024 * 1024;
  let written = 0;
  await using server = await startOrigin((socket) => {
    const piece = Buffer.alloc(65_536, 'x');
    const more = () => {
      while (written < total) {
        written += piece.length;
        if (!socket.write(piece)) return void socket.once('drain', more);
      }
    };
    socket.once('data', () => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${total}\r\n\r\n`);
      more();
    });
  });
  await using world = new UpstreamWorld();
  const { origin, socket } = await open(world, server.port);
  const heard = new Heard();
  let bytes = 0;
  heard.answerData = (chunk) => {
    bytes += chunk.length;
    origin.hold();
  };
  origin.send(makeHead(), heard);
  await soon(() => socket.isPaused(), 'a pause');
  let before = -1;
  while (before !== written) {
    before = written;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  expect(bytes).toBeLessThan(1024 * 1024);
  expect(written).toBeLessThan(total / 2);
  heard.answerData = (chunk) => {
    bytes += chunk.length;
  };
  origin.pull();
  await heard.end();
  expect(bytes).toEqual(total);
  expect(world.upstreams.stats.idle).toEqual(1);
});

tap.test('says when a target takes no more content, and when there is room again', async () => {
  let target: Socket | null = null;
  await using server = await startOrigin((socket) => {
    target = socket;
    socket.pause();
  });
  await using world = new UpstreamWorld();
  const { origin } = await open(world, server.port);
  const heard = new Heard();
  origin.send(makeHead({ method: 'POST', contentLength: -1 }), heard);
  let sent = 0;
  while (origin.data(Buffer.alloc(65_536))) sent += 65_536;
  expect(sent).toBeLessThan(64 * 1024 * 1024);
  await soon(() => target !== null, 'the connection');
  (target as Socket | null)?.resume();
  await soon(() => heard.calls.includes('drained'), 'room');
  origin.cancel();
});

export default tap.start();
