// The rules of RFC 9113 §3.4 to §8 that bind a client, each as the frames of a server that break it (or just do not), and what
// must come of it. Two requests are open: 1 is complete, 3 is not.

import { h2Error } from '../../ts/codec/http2-frame.js';
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
} from '../helpers/h2-raw.js';
import { makeH2World } from '../helpers/h2-session-world.js';
import { expect, tap } from '../helpers/tapbundle.js';

const { protocol, frameSize, streamClosed, flowControl, compression } = h2Error;

interface IRule {
  readonly clause: string;
  readonly rule: string;
  readonly send: readonly Buffer[];
  /** Of GOAWAY. */
  readonly connection?: number;
  /** Of RST_STREAM, on stream 1. */
  readonly stream?: number;
  /** What the owner of stream 1 hears at last, pauses aside. */
  readonly heard?: string;
  /** Nothing is sent before. */
  readonly first?: boolean;
}

const answer = (stream: number, end = false): Buffer => rawHeaders(stream, [':status', '200'], { end });
const hints = (stream: number): Buffer => rawHeaders(stream, [':status', '103', 'link', '</a>']);
const block = literalBlock([':status', '200']);

const rules: readonly IRule[] = [
  { clause: '3.4', rule: 'a first frame that is not SETTINGS', first: true, send: [answer(1)], connection: protocol },
  { clause: '3.4', rule: 'an acknowledgement first', first: true, send: [rawSettingsAck()], connection: protocol },
  { clause: '3.4', rule: 'GOAWAY first', first: true, send: [rawGoaway(0, 0)], connection: protocol },
  {
    clause: '3.4',
    rule: 'HTTP/1.1',
    first: true,
    send: [Buffer.from('HTTP/1.1 400 Bad\r\n\r\n')],
    connection: frameSize,
  },
  { clause: '4.1', rule: 'a frame of no known type', send: [rawFrame(0x99, 255, 1, Buffer.alloc(20))] },
  { clause: '4.2', rule: 'DATA of 16,384 octets', send: [answer(1), rawData(1, 16_384)], heard: 'data 16384' },
  { clause: '4.2', rule: 'a larger frame', send: [answer(1), rawData(1, 16_385)], connection: frameSize },
  {
    clause: '4.3',
    rule: 'a header block that is none',
    send: [rawHeaders(1, Buffer.of(0x80))],
    connection: compression,
  },
  {
    ...{ clause: '4.3', rule: 'a header block that is none, of a stream that we have reset', connection: compression },
    send: [rawData(1, 1), rawHeaders(1, Buffer.of(0x80))],
  },
  { clause: '5.1 idle', rule: 'HEADERS', send: [answer(5)], connection: protocol },
  { clause: '5.1 idle', rule: 'DATA', send: [rawData(5, 1)], connection: protocol },
  { clause: '5.1 idle', rule: 'RST_STREAM', send: [rawReset(5, 8)], connection: protocol },
  { clause: '5.1 idle', rule: 'WINDOW_UPDATE', send: [rawWindowUpdate(5, 1)], connection: protocol },
  { clause: '5.1 idle', rule: 'PRIORITY', send: [rawPriority(5, 0)] },
  {
    clause: '5.1 half-closed (local)',
    rule: 'an answer',
    send: [answer(1), rawData(1, 3, { end: true })],
    heard: 'end',
  },
  { clause: '5.1 open', rule: 'an answer before the request is complete', send: [answer(3), rawData(3, 3)] },
  {
    clause: '5.1 closed',
    rule: 'DATA behind the end',
    send: [answer(1, true), rawData(1, 1)],
    connection: streamClosed,
  },
  {
    clause: '5.1 closed',
    rule: 'HEADERS behind the end',
    send: [answer(1, true), answer(1)],
    connection: streamClosed,
  },
  {
    ...{ clause: '5.1 closed', rule: 'RST_STREAM, WINDOW_UPDATE, PRIORITY behind the end', heard: 'headers end' },
    send: [answer(1, true), rawReset(1, 0), rawWindowUpdate(1, 1), rawPriority(1, 0)],
  },
  {
    ...{ clause: '5.1 half-closed (remote)', rule: 'WINDOW_UPDATE and RST_STREAM behind its end' },
    send: [answer(3, true), rawWindowUpdate(3, 1), rawReset(3, 0)],
  },
  {
    clause: '5.1 half-closed (remote)',
    rule: 'DATA behind its end',
    send: [answer(3, true), rawData(3, 1)],
    stream: streamClosed,
  },
  {
    clause: '5.1 closed',
    rule: 'DATA behind RST_STREAM',
    send: [rawReset(1, 8), rawData(1, 1)],
    connection: streamClosed,
  },
  {
    ...{ clause: '5.1 closed', rule: 'what was on its way when we reset', stream: protocol, heard: 'closed 1' },
    send: [rawData(1, 1), answer(1), rawData(1, 1), rawHeaders(1, ['x', 'y'], { end: true })],
  },
  { clause: '5.1.1', rule: 'a stream of the server', send: [answer(2)], connection: protocol },
  { clause: '5.1.1', rule: 'HEADERS on stream 0', send: [answer(0)], connection: protocol },
  { clause: '6.1', rule: 'DATA on stream 0', send: [rawData(0, 1)], connection: protocol },
  {
    clause: '6.1',
    rule: 'more padding than payload',
    send: [answer(1), rawFrame(0, 8, 1, Buffer.of(9, 0))],
    connection: protocol,
  },
  { clause: '6.1', rule: 'padding', send: [answer(1), rawData(1, 5, { pad: 200, end: true })], heard: 'end' },
  {
    clause: '6.2',
    rule: 'padding and priority',
    send: [rawHeaders(1, block, { pad: 3, dependsOn: 3, end: true })],
    heard: 'headers end',
  },
  {
    clause: '6.2',
    rule: 'more padding than a block',
    send: [rawFrame(1, 0x0c, 1, Buffer.of(99, 0x88))],
    connection: protocol,
  },
  { clause: '6.2', rule: 'a dependency on itself', send: [rawHeaders(1, block, { dependsOn: 1 })], stream: protocol },
  { clause: '6.3', rule: 'PRIORITY on stream 0', send: [rawPriority(0, 1)], connection: protocol },
  { clause: '6.3', rule: 'PRIORITY of 4 octets', send: [rawFrame(2, 0, 1, Buffer.alloc(4))], stream: frameSize },
  { clause: '6.4', rule: 'RST_STREAM', send: [rawReset(1, 2)], heard: 'closed 2' },
  { clause: '6.4', rule: 'RST_STREAM with REFUSED_STREAM', send: [rawReset(1, 7)], heard: 'unprocessed 7' },
  { clause: '6.4', rule: 'RST_STREAM with NO_ERROR behind an answer', send: [answer(3, true), rawReset(3, 0)] },
  { clause: '6.4', rule: 'RST_STREAM on stream 0', send: [rawReset(0, 8)], connection: protocol },
  { clause: '6.4', rule: 'RST_STREAM of 5 octets', send: [rawFrame(3, 0, 1, Buffer.alloc(5))], connection: frameSize },
  { clause: '6.5', rule: 'SETTINGS on a stream', send: [rawFrame(4, 0, 1)], connection: protocol },
  { clause: '6.5', rule: 'SETTINGS of 7 octets', send: [rawFrame(4, 0, 0, Buffer.alloc(7))], connection: frameSize },
  {
    clause: '6.5',
    rule: 'an acknowledgement with payload',
    send: [rawFrame(4, 1, 0, Buffer.alloc(6))],
    connection: frameSize,
  },
  { clause: '6.5.2', rule: 'ENABLE_PUSH of 1 by a server', send: [rawSettings(2, 1)], connection: protocol },
  { clause: '6.5.2', rule: 'ENABLE_PUSH of 0 by a server', send: [rawSettings(2, 0)] },
  { clause: '6.5.2', rule: 'INITIAL_WINDOW_SIZE of 2^31', send: [rawSettings(4, 2 ** 31)], connection: flowControl },
  { clause: '6.5.2', rule: 'MAX_FRAME_SIZE of 0', send: [rawSettings(5, 0)], connection: protocol },
  { clause: '6.5.2', rule: 'what is not known', send: [rawSettings(0x4242, 7)] },
  { clause: 'RFC 8441 3', rule: 'ENABLE_CONNECT_PROTOCOL of 2', send: [rawSettings(8, 2)], connection: protocol },
  {
    clause: 'RFC 8441 3',
    rule: 'ENABLE_CONNECT_PROTOCOL taken back',
    send: [rawSettings(8, 1), rawSettings(8, 0)],
    connection: protocol,
  },
  {
    clause: '6.6',
    rule: 'PUSH_PROMISE',
    send: [rawFrame(5, 4, 1, Buffer.concat([Buffer.of(0, 0, 0, 2), block]))],
    connection: protocol,
  },
  { clause: '6.7', rule: 'PING on a stream', send: [rawFrame(6, 0, 1, Buffer.alloc(8))], connection: protocol },
  { clause: '6.7', rule: 'PING of 9 octets', send: [rawFrame(6, 0, 0, Buffer.alloc(9))], connection: frameSize },
  { clause: '6.7', rule: 'an answer to no PING', send: [rawPing('12345678', true)] },
  { clause: '6.8', rule: 'GOAWAY on a stream', send: [rawFrame(7, 0, 1, Buffer.alloc(8))], connection: protocol },
  { clause: '6.8', rule: 'GOAWAY of 7 octets', send: [rawFrame(7, 0, 0, Buffer.alloc(7))], connection: frameSize },
  { clause: '6.8', rule: 'GOAWAY below a stream', send: [rawGoaway(1, 0), answer(1)], heard: 'headers' },
  { clause: '6.9', rule: 'WINDOW_UPDATE by 0', send: [rawWindowUpdate(0, 0)], connection: protocol },
  { clause: '6.9', rule: 'WINDOW_UPDATE by 0 of a stream', send: [rawWindowUpdate(1, 0)], stream: protocol },
  {
    clause: '6.9',
    rule: 'WINDOW_UPDATE of 5 octets',
    send: [rawFrame(8, 0, 1, Buffer.alloc(5))],
    connection: frameSize,
  },
  { clause: '6.9.1', rule: 'a window above 2^31-1', send: [rawWindowUpdate(0, 2 ** 31 - 1)], connection: flowControl },
  {
    clause: '6.9.1',
    rule: "a stream's window above 2^31-1",
    send: [rawWindowUpdate(1, 2 ** 31 - 1)],
    stream: flowControl,
  },
  {
    ...{ clause: '6.9.2', rule: 'SETTINGS that make a window too large', connection: flowControl },
    send: [rawWindowUpdate(3, 1), rawSettings(4, 2 ** 31 - 1)],
  },
  { clause: '6.10', rule: 'CONTINUATION alone', send: [rawContinuation(1, block, true)], connection: protocol },
  {
    ...{ clause: '6.10', rule: 'another frame within a header block', connection: protocol },
    send: [rawHeaders(1, block.subarray(0, 4), { whole: false }), rawPing('12345678')],
  },
  {
    ...{ clause: '6.10', rule: 'a header block of several frames', heard: 'headers' },
    send: [rawHeaders(1, block.subarray(0, 4), { whole: false }), rawContinuation(1, block.subarray(4), true)],
  },
  { clause: '7', rule: 'a code that is not known', send: [rawReset(1, 0x4242)], heard: 'closed 16962' },
  { clause: '8.1', rule: 'DATA before any head', send: [rawData(1, 1)], stream: protocol, heard: 'closed 1' },
  { clause: '8.1', rule: 'interim answers', send: [hints(1), hints(1), answer(1, true)], heard: 'headers end' },
  {
    ...{ clause: '8.1', rule: 'trailers', heard: 'headers end' },
    send: [answer(1), rawData(1, 2), rawHeaders(1, ['x-sum', '1'], { end: true })],
  },
  {
    clause: 'RFC 9218 7.1',
    rule: 'PRIORITY_UPDATE by a server',
    send: [rawPriorityUpdate(1, 'u=1')],
    connection: protocol,
  },
];

for (const { clause, rule, send, connection, stream, heard, first = false } of rules) {
  const outcome =
    connection !== undefined ? `GOAWAY ${connection}` : stream !== undefined ? `RST_STREAM ${stream}` : 'nothing amiss';
  tap.test(`§${clause}: ${rule}: ${outcome}`, async () => {
    await using world = await makeH2World({ role: 'target-side', begins: false });
    const { peer, listener } = world;
    const whole = world.open(rawRequest());
    world.open(rawRequest('/', 'POST'), false);
    world.session.flush();
    await peer.next('HEADERS', 3);
    peer.send(...(first ? [] : [rawSettings()]), ...send);
    if (connection !== undefined) {
      expect((await world.untilOver()).code).toEqual(connection);
      expect((await peer.next('GOAWAY')).payload.readUInt32BE(4)).toEqual(connection);
      expect(world.session.streams).toEqual(0);
      // Whoever had asked knows, once, how it ended.
      expect([whole.heard.filter((each) => /closed|unprocessed|end$/.test(each)).length, listener.overs]).toEqual([
        1, 2,
      ]);
      return;
    }
    const seen = await peer.sync();
    const resets = seen.filter(({ name }) => name === 'RST_STREAM');
    expect(resets.map(({ payload }) => payload.readUInt32BE(0))).toEqual(stream === undefined ? [] : [stream]);
    expect(seen.some(({ name }) => name === 'GOAWAY')).toBeFalse();
    if (heard !== undefined) expect(whole.heard.filter((each) => each !== 'pause').at(-1)).toEqual(heard);
  });
}

export default tap.start();
