// The rules of RFC 9113 §3.4 to §6 that bind a server, each as the frames that break it (or just do not) and what must come of it.

import { h2Error } from '../../ts/codec/http2-frame.js';
import { defaultH2Limits } from '../../ts/http/h2-limits.js';
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

const get = (stream: number): Buffer => rawHeaders(stream, rawRequest(), { end: true });
const post = (stream: number): Buffer => rawHeaders(stream, rawRequest('/', 'POST'));
const block = literalBlock(rawRequest());
/** Streams that may live at a time, and PRIORITY_UPDATE for so many of a client's, from one on. */
const mostStreams = defaultH2Limits.maxConcurrentStreams;
const prioritized = (count: number, from = 1): Buffer[] =>
  Array.from({ length: count }, (_, nth) => rawPriorityUpdate(from + 2 * nth, 'u=1'));

interface IRule {
  readonly clause: string;
  readonly rule: string;
  readonly send: readonly Buffer[];
  /** Of GOAWAY. */
  readonly connection?: number;
  /** Of RST_STREAM, on stream 1 unless said. */
  readonly stream?: number;
  readonly on?: number;
}

const { protocol, frameSize, streamClosed, flowControl, compression } = h2Error;

/** Nothing expected: the connection goes on, and no stream is reset. */
const rules: readonly IRule[] = [
  { clause: '3.4', rule: 'a first frame other than SETTINGS', send: [rawPing('12345678')], connection: protocol },
  { clause: '3.4', rule: 'a first frame of an unknown type', send: [rawFrame(0x99, 0, 0)], connection: protocol },
  { clause: '3.4', rule: 'an acknowledgement as the first frame', send: [rawFrame(4, 1, 0)], connection: protocol },
  { clause: '4.1', rule: 'an unknown frame type', send: [rawSettings(), rawFrame(0x99, 255, 7, Buffer.alloc(50))] },
  { clause: '4.1', rule: 'unknown flags', send: [rawSettings(), rawFrame(6, 0xfe, 0, Buffer.alloc(8))] },
  { clause: '4.1', rule: 'the reserved bit', send: [rawSettings(), rawFrame(6, 0, 0x8000_0000, Buffer.alloc(8))] },
  { clause: '4.2', rule: 'a frame of 16,384 octets', send: [rawSettings(), post(1), rawData(1, 16_384)] },
  {
    clause: '4.2',
    rule: 'a larger frame',
    send: [rawSettings(), post(1), rawData(1, 16_385)],
    connection: frameSize,
  },
  {
    clause: '4.3',
    rule: 'a header block that cannot be decoded',
    send: [rawSettings(), rawHeaders(1, Buffer.of(0xff, 0xff, 0xff, 0xff, 0xff), { end: true })],
    connection: compression,
  },
  {
    clause: '4.3',
    rule: 'a header block on a stream that was refused, which cannot be decoded',
    send: [rawSettings(), rawHeaders(1, rawRequest(), { dependsOn: 1 }), rawHeaders(1, Buffer.of(0x80), { end: true })],
    connection: compression,
  },
  { clause: '5.1 idle', rule: 'DATA', send: [rawSettings(), rawData(1, 1)], connection: protocol },
  { clause: '5.1 idle', rule: 'RST_STREAM', send: [rawSettings(), rawReset(1, 8)], connection: protocol },
  { clause: '5.1 idle', rule: 'WINDOW_UPDATE', send: [rawSettings(), rawWindowUpdate(1, 1)], connection: protocol },
  {
    clause: '5.1 idle',
    rule: 'CONTINUATION',
    send: [rawSettings(), rawContinuation(1, block, true)],
    connection: protocol,
  },
  { clause: '5.1 idle', rule: 'PRIORITY', send: [rawSettings(), rawPriority(1, 3)] },
  {
    clause: '5.1 half-closed (remote)',
    rule: 'DATA',
    send: [rawSettings(), get(1), rawData(1, 1)],
    stream: streamClosed,
  },
  {
    clause: '5.1 half-closed (remote)',
    rule: 'HEADERS',
    send: [rawSettings(), get(1), get(1)],
    stream: streamClosed,
  },
  {
    clause: '5.1 half-closed (remote)',
    rule: 'WINDOW_UPDATE, PRIORITY',
    send: [rawSettings(), get(1), rawWindowUpdate(1, 9), rawPriority(1, 3)],
  },
  { clause: '5.1 half-closed (remote)', rule: 'RST_STREAM', send: [rawSettings(), get(1), rawReset(1, 8)] },
  {
    clause: '5.1 closed',
    rule: 'DATA behind its own RST_STREAM',
    send: [rawSettings(), post(1), rawReset(1, 8), rawData(1, 1)],
    connection: streamClosed,
  },
  {
    clause: '5.1 closed',
    rule: 'HEADERS behind its own RST_STREAM',
    send: [rawSettings(), post(1), rawReset(1, 8), get(1)],
    connection: streamClosed,
  },
  {
    clause: '5.1 closed',
    rule: 'RST_STREAM, WINDOW_UPDATE and PRIORITY behind its own RST_STREAM',
    send: [rawSettings(), post(1), rawReset(1, 8), rawReset(1, 8), rawWindowUpdate(1, 1), rawPriority(1, 3)],
  },
  {
    clause: '5.1 closed',
    rule: 'what was on its way when we reset the stream',
    send: [rawSettings(), get(1), rawData(1, 1), rawData(1, 1), rawHeaders(1, ['a', 'b'], { end: true })],
    stream: streamClosed,
  },
  { clause: '5.1.1', rule: 'an even number', send: [rawSettings(), get(2)], connection: protocol },
  {
    clause: '5.1.1',
    rule: 'a number that is lower than another and was left out',
    send: [rawSettings(), get(5), get(3)],
    connection: protocol,
  },
  { clause: '5.1.1', rule: 'numbers left out', send: [rawSettings(), get(3), get(99), get(101)] },
  { clause: '5.1.1', rule: 'HEADERS on stream 0', send: [rawSettings(), get(0)], connection: protocol },
  { clause: '6.1', rule: 'DATA on stream 0', send: [rawSettings(), rawData(0, 1)], connection: protocol },
  {
    clause: '6.1',
    rule: 'padding longer than the frame',
    send: [rawSettings(), post(1), rawFrame(0, 8, 1, Buffer.of(5, 0))],
    connection: protocol,
  },
  {
    clause: '6.2',
    rule: 'HEADERS with padding and priority',
    send: [rawSettings(), rawHeaders(1, rawRequest(), { pad: 9, dependsOn: 3 })],
  },
  {
    clause: '6.2',
    rule: 'padding longer than the header block',
    send: [rawSettings(), rawFrame(1, 0x0d, 1, Buffer.of(200, 0x82, 0x86))],
    connection: protocol,
  },
  {
    clause: '6.2',
    rule: 'too short for its priority',
    send: [rawSettings(), rawFrame(1, 0x25, 1, Buffer.of(0, 0))],
    connection: frameSize,
  },
  {
    clause: '6.2',
    rule: 'another frame within a header block',
    send: [rawSettings(), rawHeaders(1, block, { whole: false }), rawPing('12345678')],
    connection: protocol,
  },
  {
    clause: '6.2',
    rule: 'DATA within a header block',
    send: [rawSettings(), rawHeaders(1, block, { whole: false }), rawData(1, 1)],
    connection: protocol,
  },
  {
    clause: '6.2',
    rule: 'an unknown frame within a header block',
    send: [rawSettings(), rawHeaders(1, block, { whole: false }), rawFrame(0x99, 0, 1)],
    connection: protocol,
  },
  {
    clause: '6.2',
    rule: 'a stream that depends on itself',
    send: [rawSettings(), rawHeaders(1, rawRequest(), { dependsOn: 1 })],
    stream: protocol,
  },
  { clause: '6.3', rule: 'PRIORITY on stream 0', send: [rawSettings(), rawPriority(0, 1)], connection: protocol },
  {
    clause: '6.3',
    rule: 'PRIORITY of 4 octets',
    send: [rawSettings(), post(1), rawFrame(2, 0, 1, Buffer.alloc(4))],
    stream: frameSize,
  },
  {
    clause: '6.3',
    rule: 'PRIORITY of a stream on itself',
    send: [rawSettings(), post(1), rawPriority(1, 1)],
    stream: protocol,
  },
  { clause: '6.4', rule: 'RST_STREAM on stream 0', send: [rawSettings(), rawReset(0, 8)], connection: protocol },
  {
    clause: '6.4',
    rule: 'RST_STREAM of 3 octets',
    send: [rawSettings(), post(1), rawFrame(3, 0, 1, Buffer.alloc(3))],
    connection: frameSize,
  },
  { clause: '6.5', rule: 'SETTINGS on a stream', send: [rawSettings(), rawFrame(4, 0, 1)], connection: protocol },
  {
    clause: '6.5',
    rule: 'an acknowledgement with a payload',
    send: [rawSettings(), rawFrame(4, 1, 0, Buffer.alloc(6))],
    connection: frameSize,
  },
  {
    clause: '6.5',
    rule: 'SETTINGS of 5 octets',
    send: [rawSettings(), rawFrame(4, 0, 0, Buffer.alloc(5))],
    connection: frameSize,
  },
  { clause: '6.5.2', rule: 'ENABLE_PUSH of 2', send: [rawSettings(2, 2)], connection: protocol },
  { clause: '6.5.2', rule: 'ENABLE_PUSH of 1', send: [rawSettings(2, 1)] },
  {
    clause: '6.5.2',
    rule: 'INITIAL_WINDOW_SIZE above 2^31-1',
    send: [rawSettings(4, 0x8000_0000)],
    connection: flowControl,
  },
  { clause: '6.5.2', rule: 'MAX_FRAME_SIZE below 16,384', send: [rawSettings(5, 16_383)], connection: protocol },
  { clause: '6.5.2', rule: 'MAX_FRAME_SIZE above 2^24-1', send: [rawSettings(5, 0x100_0000)], connection: protocol },
  { clause: '6.5.2', rule: 'unknown settings', send: [rawSettings(0x99, 1, 0xffff, 0xffff_ffff)] },
  { clause: '6.5.2', rule: 'the same setting twice', send: [rawSettings(4, 1, 4, 2)] },
  { clause: 'RFC 8441 3', rule: 'ENABLE_CONNECT_PROTOCOL of 2', send: [rawSettings(8, 2)], connection: protocol },
  {
    clause: 'RFC 8441 3',
    rule: 'ENABLE_CONNECT_PROTOCOL taken back',
    send: [rawSettings(8, 1), rawSettings(8, 0)],
    connection: protocol,
  },
  {
    clause: 'RFC 9218 2.1',
    rule: 'NO_RFC7540_PRIORITIES changed',
    send: [rawSettings(9, 1), rawSettings(9, 0)],
    connection: protocol,
  },
  {
    clause: '6.6',
    rule: 'PUSH_PROMISE from a client',
    send: [rawSettings(), get(1), rawFrame(5, 4, 1, Buffer.alloc(4))],
    connection: protocol,
  },
  {
    clause: '6.7',
    rule: 'PING on a stream',
    send: [rawSettings(), rawFrame(6, 0, 1, Buffer.alloc(8))],
    connection: protocol,
  },
  {
    clause: '6.7',
    rule: 'PING of 7 octets',
    send: [rawSettings(), rawFrame(6, 0, 0, Buffer.alloc(7))],
    connection: frameSize,
  },
  { clause: '6.7', rule: 'an answer to a PING that was not sent', send: [rawSettings(), rawPing('12345678', true)] },
  {
    clause: '6.8',
    rule: 'GOAWAY on a stream',
    send: [rawSettings(), rawFrame(7, 0, 1, Buffer.alloc(8))],
    connection: protocol,
  },
  {
    clause: '6.8',
    rule: 'GOAWAY of 7 octets',
    send: [rawSettings(), rawFrame(7, 0, 0, Buffer.alloc(7))],
    connection: frameSize,
  },
  { clause: '6.8', rule: 'GOAWAY while a request is served', send: [rawSettings(), get(1), rawGoaway(0, 0)] },
  {
    clause: '6.9',
    rule: 'WINDOW_UPDATE of 5 octets',
    send: [rawSettings(), rawFrame(8, 0, 0, Buffer.alloc(5))],
    connection: frameSize,
  },
  {
    clause: '6.9',
    rule: 'WINDOW_UPDATE by 0 for the connection',
    send: [rawSettings(), rawWindowUpdate(0, 0)],
    connection: protocol,
  },
  {
    clause: '6.9',
    rule: 'WINDOW_UPDATE by 0 for a stream',
    send: [rawSettings(), post(1), rawWindowUpdate(1, 0)],
    stream: protocol,
  },
  {
    clause: '6.9.1',
    rule: 'a connection window above 2^31-1',
    send: [rawSettings(), rawWindowUpdate(0, 0x7fff_ffff)],
    connection: flowControl,
  },
  {
    clause: '6.9.1',
    rule: 'a stream window above 2^31-1',
    send: [rawSettings(), post(1), rawWindowUpdate(1, 0x7fff_ffff)],
    stream: flowControl,
  },
  {
    clause: '6.9.2',
    rule: 'INITIAL_WINDOW_SIZE that makes a window larger than 2^31-1',
    send: [rawSettings(), post(1), rawWindowUpdate(1, 1), rawSettings(4, 0x7fff_ffff)],
    connection: flowControl,
  },
  {
    clause: '6.10',
    rule: 'CONTINUATION behind END_HEADERS',
    send: [rawSettings(), post(1), rawContinuation(1, block, true)],
    connection: protocol,
  },
  {
    clause: '6.10',
    rule: 'CONTINUATION of another stream',
    send: [rawSettings(), rawHeaders(1, block, { whole: false }), rawContinuation(3, block, true)],
    connection: protocol,
  },
  {
    clause: '8.1',
    rule: 'a second header block that does not end the stream',
    send: [rawSettings(), post(1), post(1)],
    stream: protocol,
  },
  { clause: 'RFC 9218 7.1', rule: 'PRIORITY_UPDATE', send: [rawSettings(), post(1), rawPriorityUpdate(1, 'u=1, i')] },
  {
    clause: 'RFC 9218 7.1',
    rule: 'PRIORITY_UPDATE for an idle stream',
    send: [rawSettings(), rawPriorityUpdate(1, 'u=9')],
  },
  {
    clause: 'RFC 9218 7.1',
    rule: 'PRIORITY_UPDATE for as many idle streams as may live, again and again',
    send: [rawSettings(), rawSettingsAck(), ...prioritized(mostStreams), ...prioritized(mostStreams)],
  },
  {
    clause: 'RFC 9218 7.1',
    rule: 'PRIORITY_UPDATE for one idle stream more',
    send: [rawSettings(), rawSettingsAck(), ...prioritized(mostStreams + 1)],
    connection: protocol,
  },
  {
    clause: 'RFC 9218 7.1',
    rule: 'PRIORITY_UPDATE for as many idle streams, while one lives',
    send: [rawSettings(), rawSettingsAck(), post(1), ...prioritized(mostStreams, 3)],
    connection: protocol,
  },
  {
    clause: 'RFC 9218 7.1',
    rule: 'PRIORITY_UPDATE for streams that are idle no more',
    send: [
      rawSettings(),
      rawSettingsAck(),
      ...prioritized(mostStreams),
      post(255),
      ...prioritized(mostStreams - 1, 257),
    ],
  },
  {
    clause: 'RFC 9218 7.1',
    rule: 'PRIORITY_UPDATE for too many idle streams by who may not know how many',
    send: [rawSettings(), ...prioritized(mostStreams + 1)],
  },
  {
    clause: 'RFC 9218 7.1',
    rule: 'PRIORITY_UPDATE for a push stream that is idle',
    send: [rawSettings(), rawPriorityUpdate(2, 'u=1')],
    connection: protocol,
  },
  {
    clause: 'RFC 9218 7.1',
    rule: 'PRIORITY_UPDATE of 3 octets',
    send: [rawSettings(), rawFrame(16, 0, 0, Buffer.alloc(3))],
    connection: frameSize,
  },
  {
    clause: 'RFC 9218 7.1',
    rule: 'PRIORITY_UPDATE for stream 0',
    send: [rawSettings(), rawPriorityUpdate(0, '')],
    connection: protocol,
  },
  {
    clause: 'RFC 9218 7.1',
    rule: 'PRIORITY_UPDATE on a stream',
    send: [rawSettings(), rawFrame(16, 0, 1, Buffer.alloc(4))],
    connection: protocol,
  },
];

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

for (const { clause, rule, send, connection, stream, on = 1 } of rules) {
  const outcome =
    connection !== undefined ? `GOAWAY ${connection}` : stream !== undefined ? `RST_STREAM ${stream}` : 'nothing amiss';
  tap.test(`§${clause}: ${rule}: ${outcome}`, async () => {
    await using world = await makeH2World({ begins: false });
    const { peer } = world;
    peer.send(preface, ...send);
    if (connection !== undefined) {
      const { code } = await world.untilOver();
      expect(code).toEqual(connection);
      const goaway = await peer.next('GOAWAY');
      expect(goaway.payload.readUInt32BE(4)).toEqual(connection);
      return;
    }
    const seen = await peer.sync();
    const resets = seen.filter(({ name }) => name === 'RST_STREAM');
    expect(resets.map((frame) => [frame.stream, frame.payload.readUInt32BE(0)])).toEqual(
      stream === undefined ? [] : [[on, stream]],
    );
    expect(seen.some(({ name }) => name === 'GOAWAY')).toBeFalse();
    expect(world.listener.over).toEqual(null);
  });
}

export default tap.start();
