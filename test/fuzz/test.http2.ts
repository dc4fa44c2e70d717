// Nearly right frames and header blocks of HTTP/2: nothing throws or grows, and what a session does of them keeps to its contract.

import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import type { IClock } from '../../ts/base/clock.js';
import { HpackEncoder } from '../../ts/codec/hpack-encoder.js';
import { decodeRequestHead } from '../../ts/codec/http1-request.js';
import { writeRequestHead } from '../../ts/codec/http1-write.js';
import { h2Preface } from '../../ts/codec/http2-frame.js';
import { readRequest } from '../../ts/codec/http2-request.js';
import { readResponse } from '../../ts/codec/http2-response.js';
import { defaultH2Limits } from '../../ts/http/h2-limits.js';
import { H2Session } from '../../ts/http/h2-session.js';
import type { IH2SessionListener, IH2Stream, IH2StreamOwner } from '../../ts/http/h2-types.js';
import { fuzz, fuzzInputs, tell } from '../helpers/fuzz.js';
import {
  literalBlock,
  rawContinuation,
  rawData,
  rawFrame,
  rawGoaway,
  rawHeaders,
  rawPing,
  rawPriority,
  rawPriorityUpdate,
  rawRequest,
  rawReset,
  rawSettings,
  rawSettingsAck,
  rawWindowUpdate,
  readRawFrames,
} from '../helpers/h2-raw-frames.js';
import { bytesOf, encoded, makeDecoder } from '../helpers/hpack.js';
import { latin1, testHeadLimits } from '../helpers/read-http1.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { hpackExamples } from '../vectors/hpack-examples.js';

tap.timeout(7_200_000);

const blocks = [
  ...hpackExamples.flatMap((example) => [
    Buffer.concat(example.blocks.map(({ hex }) => bytesOf(hex))),
    ...example.blocks.map(({ hex }) => bytesOf(hex)),
  ]),
  literalBlock(rawRequest('/a', 'POST', 'content-length', '5', 'cookie', 'a=b', 'cookie', 'c=d')),
  encoded(new HpackEncoder(), rawRequest('/a?b', 'GET', 'x-own', 'value', 'x-own', 'value', 'te', 'trailers')),
];

tap.test('fuzzed header blocks are refused, or encoded again as the same list', async (t) => {
  const limits = { table: 4096, list: 2_000, fields: 20 };
  const report = await fuzz(
    {
      seeds: blocks,
      words: [
        Buffer.of(0x3f, 0xe1, 0x1f),
        Buffer.of(0x20),
        Buffer.of(0x82),
        Buffer.of(0xbe),
        Buffer.of(0xff, 0xff, 0xff),
      ],
      judge(bytes) {
        const decoder = makeDecoder(limits);
        const fields = decoder.decode(bytes);
        assert(decoder.tableBytes <= limits.table);
        if (fields === null) return false;
        assert(fields.length <= 2 * limits.fields);
        let size = 0;
        for (const text of fields) size += text.length + 16;
        assert(size <= limits.list);
        if (decoder.tooLarge) return true;
        assert.deepEqual(makeDecoder(limits).decode(encoded(new HpackEncoder(), fields)), fields);
        checkRequest(fields, false);
        return true;
      },
    },
    fuzzInputs(),
    7541,
  );
  t.diagnostic(tell(report));
  expect(report.accepted).toBeGreaterThan(report.inputs / 20);
  expect(report.grownBytes).toBeLessThan(16 * 2 ** 20);
});

/** A list that is a request is that very request in HTTP/1. */
function checkRequest(fields: readonly string[], end: boolean): void {
  const head = readRequest([...fields], end);
  if ('fault' in head || (head.method === 'CONNECT' && head.upgrade !== null)) return;
  const written = latin1(writeRequestHead(head, 'keep-alive'));
  const again = decodeRequestHead(written, 0, { ...testHeadLimits, maxBytes: 65_536 });
  assert.equal(again.kind, 'done');
  if (again.kind !== 'done') return;
  const { method, target, authority } = again.value;
  assert.deepEqual([method, target, authority, again.used], [head.method, head.target, head.authority, written.length]);
}

/** What came of some bytes, and what was wrong with how it came. */
class Listener implements IH2SessionListener {
  over: number | null = null;
  most = 0;
  readonly told: string[] = [];
  live = 0;

  streamOpened(stream: IH2Stream, fields: string[], end: boolean, tooLarge: boolean): IH2StreamOwner {
    if (!tooLarge) checkRequest(fields, end);
    this.told.push(`${stream.id} ${fields.join('|')} ${end}`);
    this.most = Math.max(this.most, ++this.live);
    const owner = new Owner(this, stream, end);
    if (stream.id % 4 === 1) stream.pull();
    if (stream.id % 3 === 0) stream.sendHeaders([':status', '200', 'x-own', 'a'], false);
    if (stream.id % 9 === 0) stream.sendData(Buffer.alloc(20_000, 'x'));
    return owner;
  }

  streamOver(): void {
    this.live--;
  }

  settingsChanged(): void {}
  peerDrains(): void {}

  sessionOver(code: number): void {
    assert.equal(this.over, null);
    this.over = code;
  }
}

/** Hears content before its end, and nothing once it was closed. */
class Owner implements IH2StreamOwner {
  readonly #listener: Listener;
  readonly #stream: IH2Stream;
  #ended: boolean;
  #closed = false;

  constructor(listener: Listener, stream: IH2Stream, ended: boolean) {
    this.#listener = listener;
    this.#stream = stream;
    this.#ended = ended;
  }

  h2Headers(fields: string[], end: boolean): void {
    this.#hear(`trailers ${fields.join('|')}`);
    assert(end);
    this.#ended = true;
  }

  h2Data(chunk: Buffer): void {
    this.#hear('');
    assert(chunk.length > 0 && chunk.length <= defaultH2Limits.maxWindowBytes);
  }

  h2End(): void {
    this.#hear('end');
    this.#ended = true;
  }

  h2Drained(): void {
    assert(!this.#closed);
  }

  h2Closed(code: number): void {
    assert(!this.#closed);
    this.#closed = true;
    this.#listener.told.push(`${this.#stream.id} closed ${code}`);
  }

  h2Pause(): void {}

  #hear(what: string): void {
    assert(!this.#closed && !this.#ended);
    if (what !== '') this.#listener.told.push(`${this.#stream.id} ${what}`);
  }
}

/** A session that reads these pieces, from a socket that takes everything; `begin` is called before the first one. */
function play(
  role: 'client-side' | 'target-side',
  pieces: readonly Buffer[],
  begin: (session: H2Session, listener: Listener) => void = () => {},
): { listener: Listener; written: Buffer } {
  let timers = 0;
  const clock: IClock = {
    nowMs: () => 0,
    wallMs: () => 0,
    setTimer() {
      let isSet = true;
      timers++;
      return {
        cancel() {
          if (isSet) timers--;
          isSet = false;
        },
      };
    },
  };
  const parts: Buffer[] = [];
  const emitter = new EventEmitter();
  const socket = Object.assign(emitter, {
    ...{ writable: true, writableLength: 0, writableNeedDrain: false, readableLength: 0 },
    cork() {},
    uncork() {},
    write: (bytes: Buffer | string) => parts.push(typeof bytes === 'string' ? latin1(bytes) : Buffer.from(bytes)) > 0,
  }) as unknown as Socket;
  const listener = new Listener();
  const session = new H2Session({ role, socket, listener, limits: defaultH2Limits, clock });
  session.start(role === 'client-side' ? h2Preface : null);
  begin(session, listener);
  for (const piece of pieces) if (listener.over === null) emitter.emit('data', piece);
  session.flush();
  session.lost();
  assert.deepEqual([session.streams, timers, emitter.eventNames()], [0, 0, []]);
  return { listener, written: Buffer.concat(parts).subarray(role === 'client-side' ? 0 : h2Preface.length) };
}

const opening = [rawSettings(), rawSettingsAck()];
const conversations = [
  [rawHeaders(1, rawRequest('/'), { end: true }), rawHeaders(3, rawRequest('/3'), { end: true, dependsOn: 1 })],
  [rawHeaders(1, rawRequest('/', 'POST')), rawData(1, 'hello', { end: true, pad: 3 }), rawPing('12345678')],
  [rawHeaders(1, rawRequest('/', 'POST')), rawData(1, 100), rawHeaders(1, ['x-sum', 'a'], { end: true })],
  [rawHeaders(1, literalBlock(rawRequest('/')).subarray(0, 20), { whole: false })],
  [
    rawHeaders(9, literalBlock(rawRequest('/')).subarray(0, 20), { whole: false, end: true }),
    rawContinuation(9, literalBlock(rawRequest('/')).subarray(20), true),
    rawWindowUpdate(9, 1_000),
    rawWindowUpdate(0, 2 ** 30),
    rawReset(9, 8),
  ],
  [rawPriority(1, 0), rawPriorityUpdate(1, 'u=1, i'), rawSettings(4, 0, 1, 0, 5, 16_384, 8, 1), rawGoaway(0, 0)],
  [
    rawFrame(20, 0, 0, Buffer.alloc(8)),
    rawHeaders(9, rawRequest('/9'), { end: true }),
    rawSettings(4, 10),
    rawReset(9, 0),
  ],
  Array.from({ length: 12 }, (_, n) => rawHeaders(2 * n + 1, rawRequest(`/${n}`), { end: n % 2 === 0 })),
].map((frames) => Buffer.concat([...opening, ...frames]));

tap.test(
  'fuzzed frames are requests, faults of a stream or the end of the connection, however they are cut',
  async (t) => {
    const report = await fuzz(
      {
        seeds: conversations,
        words: [
          rawSettingsAck(),
          rawPing('abcdefgh'),
          rawReset(1, 8),
          rawData(1, 3),
          rawWindowUpdate(1, 1),
          Buffer.alloc(9),
        ],
        judge(bytes, random) {
          const { listener, written } = play('client-side', [Buffer.from(bytes)]);
          const { frames, rest } = readRawFrames(written);
          assert.equal(rest.length, 0);
          const last = frames.at(-1);
          if (listener.over !== null && listener.over !== 0) assert.equal(last?.name, 'GOAWAY');
          assert(listener.most <= defaultH2Limits.maxConcurrentStreams);
          const at = random(bytes.length + 1);
          const cut = play('client-side', [Buffer.from(bytes.subarray(0, at)), Buffer.from(bytes.subarray(at))]);
          assert.deepEqual([cut.listener.told, cut.listener.over], [listener.told, listener.over]);
          return listener.over === null;
        },
      },
      fuzzInputs(400),
      9114,
    );
    t.diagnostic(tell(report));
    expect(report.accepted).toBeGreaterThan(report.inputs / 20);
    expect(report.grownBytes).toBeLessThan(16 * 2 ** 20);
  },
);

/** Asks, and hears an answer: interim heads, one final, its content, perhaps trailers. */
class Asker implements IH2StreamOwner {
  readonly #listener: Listener;
  readonly #id: number;
  #isOver = false;

  constructor(listener: Listener, session: H2Session, path: string, end: boolean) {
    this.#listener = listener;
    const stream = session.open(this);
    assert(stream !== null);
    this.#id = stream.id;
    stream.pull();
    stream.sendHeaders(rawRequest(path, end ? 'GET' : 'POST'), end);
    if (!end) stream.sendData(Buffer.alloc(100, 'x'));
  }

  h2Headers(fields: string[], end: boolean): void {
    this.#hear(`head ${fields.join('|')}`);
    readResponse([...fields], end);
    this.#isOver = end;
  }

  h2Data(chunk: Buffer): void {
    this.#hear('');
    assert(chunk.length > 0);
  }

  h2End(): void {
    this.#hear('end');
    this.#isOver = true;
  }

  h2Drained(): void {}

  h2Closed(code: number, unprocessed: boolean): void {
    this.#listener.told.push(`${this.#id} closed ${code} ${unprocessed}`);
    this.#isOver = true;
  }

  h2Pause(): void {}

  #hear(what: string): void {
    assert(!this.#isOver);
    if (what !== '') this.#listener.told.push(`${this.#id} ${what}`);
  }
}

const ok = [':status', '200', 'content-length', '5', 'server', 'x'];
const answers = [
  [rawHeaders(1, ok), rawData(1, 'hello', { end: true }), rawHeaders(3, [':status', '204'], { end: true })],
  [
    rawHeaders(1, [':status', '103', 'link', '</a>']),
    rawHeaders(1, ok),
    rawData(1, 'hello'),
    rawHeaders(1, ['x', 'y'], { end: true }),
  ],
  [
    rawHeaders(3, ok),
    rawReset(3, 0),
    rawReset(1, 7),
    rawGoaway(3, 0),
    rawHeaders(5, [':status', '500'], { end: true }),
  ],
  [rawSettings(4, 0, 5, 16_384, 3, 1), rawWindowUpdate(5, 50), rawPing('12345678'), rawFrame(5, 4, 1, Buffer.alloc(8))],
].map((frames) => Buffer.concat([...opening, ...frames]));

tap.test('fuzzed frames of a target are answers, faults of a stream or the end of the connection', async (t) => {
  const ask = (session: H2Session, listener: Listener) => {
    for (const [path, end] of [
      ['/1', true],
      ['/3', true],
      ['/5', false],
    ] as const)
      new Asker(listener, session, path, end);
    session.flush();
  };
  const report = await fuzz(
    {
      seeds: answers,
      words: [
        rawSettingsAck(),
        rawReset(5, 8),
        rawData(1, 3),
        rawHeaders(5, ok),
        rawWindowUpdate(0, 1),
        Buffer.alloc(9),
      ],
      judge(bytes, random) {
        const { listener, written } = play('target-side', [Buffer.from(bytes)], ask);
        assert.equal(readRawFrames(written).rest.length, 0);
        // A target opens no streams.
        assert.equal(listener.most, 0);
        const at = random(bytes.length + 1);
        const cut = play('target-side', [Buffer.from(bytes.subarray(0, at)), Buffer.from(bytes.subarray(at))], ask);
        assert.deepEqual([cut.listener.told, cut.listener.over], [listener.told, listener.over]);
        return listener.over === null;
      },
    },
    fuzzInputs(400),
    9115,
  );
  t.diagnostic(tell(report));
  expect(report.accepted).toBeGreaterThan(report.inputs / 20);
  expect(report.grownBytes).toBeLessThan(16 * 2 ** 20);
});

export default tap.start();
