// What RFC 9113 (§3 to §8) and RFC 7541 demand of a server, clause by clause, of a whole proxy with a target behind it: octets
// that a client sends, over TLS and by prior knowledge, what must come back, and how much of it the target may see.

import net from 'node:net';
import tls from 'node:tls';
import { h2Error, h2Preface } from '../../ts/codec/http2-frame.js';
import { startBlackhole } from '../helpers/blackhole.js';
import { makeCertificate } from '../helpers/certificates.js';
import {
  literalBlock,
  RawPeer,
  rawContinuation,
  rawData,
  rawFrame,
  rawGoaway,
  rawHeaders,
  rawPing,
  rawPriority,
  rawRequest,
  rawReset,
  rawSettings,
  rawWindowUpdate,
} from '../helpers/h2-raw.js';
import { startHttpOrigin } from '../helpers/http-origins.js';
import { makeHttpRoute, makeHttpsRoute } from '../helpers/http-routes.js';
import { startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';

const { protocol, frameSize, streamClosed, flowControl, compression, refusedStream } = h2Error;

/** `goaway N`: and the end of the connection. `reset N`: of stream 1 unless said. A number: the status of the answer. */
type TOutcome = `goaway ${number}` | `reset ${number}` | number | 'goes on';

interface ICase {
  /** Of RFC 9113 where nothing else is said. */
  readonly clause: string;
  readonly what: string;
  /** Behind preface and SETTINGS. */
  readonly send: readonly Buffer[];
  /** Once stream 1 is answered. */
  readonly later?: readonly Buffer[];
  readonly outcome: TOutcome;
  readonly on?: number;
  /** Requests that the target may see; 0 unless said. Of those that are answered, it sees all. */
  readonly seen?: number;
  /** Instead of our preface and SETTINGS. */
  readonly begin?: Buffer;
}

/** Its number takes the place of the zeros when a case is sent. */
const path = '/0000';
const waiting = '/waits/0000';

const get = (stream: number, ...more: string[]): Buffer =>
  rawHeaders(stream, rawRequest(path, 'GET', ...more), { end: true });
/** Answered when its content has come. */
const post = (stream: number, ...more: string[]): Buffer => rawHeaders(stream, rawRequest(path, 'POST', ...more));
/** Never answered. */
const waits = (stream: number): Buffer => rawHeaders(stream, rawRequest(waiting), { end: true });
const asked = (...fields: string[]): Buffer => rawHeaders(1, fields, { end: true });
const block = literalBlock(rawRequest(path));
const bytes = (...octets: number[]): Buffer => Buffer.from(octets);
/** A whole request, with what is tried around it, as HPACK has it. */
const packed = (before: Buffer, after: Buffer = Buffer.alloc(0)): Buffer =>
  rawHeaders(1, Buffer.concat([before, block, after]), { end: true });
const half = (from: number, to?: number): Buffer => block.subarray(from, to);

const beginning: ICase[] = [
  { clause: '3.4', what: 'a preface and SETTINGS', send: [], outcome: 'goes on' },
  {
    clause: '3.4',
    what: 'SETTINGS with values',
    begin: rawSettings(1, 4_096, 4, 65_535),
    send: [],
    outcome: 'goes on',
  },
  { clause: '3.4', what: 'a request right behind', send: [get(1)], outcome: 200, seen: 1 },
  { clause: '3.4', what: 'no SETTINGS', begin: rawPing('12345678'), send: [], outcome: `goaway ${protocol}` },
  { clause: '3.4', what: 'HEADERS before SETTINGS', begin: get(1), send: [], outcome: `goaway ${protocol}` },
];

const frames: ICase[] = [
  {
    clause: '4.1',
    what: 'a type that is not known',
    send: [rawFrame(0x16, 0, 0, Buffer.alloc(8))],
    outcome: 'goes on',
  },
  {
    clause: '4.1',
    what: 'flags that are not known',
    send: [rawFrame(6, 0x16, 0, Buffer.alloc(8))],
    outcome: 'goes on',
  },
  { clause: '4.1', what: 'the reserved bit', send: [rawFrame(6, 0, 0x8000_0000, Buffer.alloc(8))], outcome: 'goes on' },
  {
    ...{ clause: '4.2', what: 'DATA of 16,384 octets', outcome: 200, seen: 1 },
    send: [post(1), rawData(1, 16_384, { end: true })],
  },
  {
    ...{ clause: '4.2', what: 'DATA of one octet more', outcome: `goaway ${frameSize}`, seen: 1 },
    send: [post(1), rawData(1, 16_385, { end: true })],
  },
  {
    ...{ clause: '4.2', what: 'HEADERS of one octet more', outcome: `goaway ${frameSize}` },
    send: [rawHeaders(1, Buffer.alloc(16_385, 0x82), { end: true })],
  },
  { clause: '4.2', what: 'PING of 2^24-1 octets', send: [bytes(255, 255, 255, 6, 0, 0, 0, 0, 0)], outcome: `goaway 6` },
  {
    ...{ clause: '4.3', what: 'a header block that is none', outcome: `goaway ${compression}` },
    send: [rawHeaders(1, bytes(0x40, 0xff, 0xff, 0xff, 0xff, 0xff), { end: true })],
  },
  {
    ...{ clause: '4.3', what: 'PRIORITY within a header block', outcome: `goaway ${protocol}` },
    send: [rawHeaders(1, half(0, 9), { whole: false }), rawPriority(1, 0), rawContinuation(1, half(9), true)],
  },
  {
    ...{ clause: '4.3', what: "another stream's HEADERS within one", outcome: `goaway ${protocol}` },
    send: [rawHeaders(1, half(0, 9), { whole: false }), get(3)],
  },
];

const states: ICase[] = [
  { clause: '5.1 idle', what: 'PRIORITY', send: [rawPriority(1, 0), get(1)], outcome: 200, seen: 1 },
  { clause: '5.1 idle', what: 'DATA', send: [rawData(1, 4)], outcome: `goaway ${protocol}` },
  { clause: '5.1 idle', what: 'RST_STREAM', send: [rawReset(1, 8)], outcome: `goaway ${protocol}` },
  { clause: '5.1 idle', what: 'WINDOW_UPDATE', send: [rawWindowUpdate(1, 100)], outcome: `goaway ${protocol}` },
  { clause: '5.1 idle', what: 'CONTINUATION', send: [rawContinuation(1, block, true)], outcome: `goaway ${protocol}` },
  {
    ...{ clause: '5.1 half-closed (remote)', what: 'WINDOW_UPDATE, PRIORITY', outcome: 200, seen: 1 },
    send: [get(1), rawWindowUpdate(1, 9), rawPriority(1, 3)],
  },
  {
    ...{ clause: '5.1 half-closed (remote)', what: 'RST_STREAM', outcome: 'goes on', seen: 1 },
    send: [waits(1), rawReset(1, 8)],
  },
  {
    ...{ clause: '5.1 half-closed (remote)', what: 'DATA', outcome: `reset ${streamClosed}`, seen: 1 },
    send: [waits(1), rawData(1, 4, { end: true })],
  },
  {
    ...{ clause: '5.1 half-closed (remote)', what: 'HEADERS', outcome: `reset ${streamClosed}`, seen: 1 },
    send: [waits(1), waits(1)],
  },
  {
    ...{ clause: '5.1 half-closed (remote)', what: 'CONTINUATION', outcome: `goaway ${protocol}`, seen: 1 },
    send: [waits(1), rawContinuation(1, block, true)],
  },
  {
    ...{ clause: '5.1 closed', what: 'PRIORITY', outcome: 'goes on', seen: 1 },
    ...{ send: [get(1)], later: [rawPriority(1, 0)] },
  },
  {
    ...{ clause: '5.1 closed', what: 'WINDOW_UPDATE, RST_STREAM', outcome: 'goes on', seen: 1 },
    ...{ send: [get(1)], later: [rawWindowUpdate(1, 5), rawReset(1, 0)] },
  },
  {
    ...{ clause: '5.1 closed', what: 'DATA', outcome: `goaway ${streamClosed}`, seen: 1 },
    ...{ send: [get(1)], later: [rawData(1, 4)] },
  },
  {
    ...{ clause: '5.1 closed', what: 'HEADERS', outcome: `goaway ${streamClosed}`, seen: 1 },
    ...{ send: [get(1)], later: [get(1)] },
  },
  {
    ...{ clause: '5.1 closed', what: 'CONTINUATION', outcome: `goaway ${protocol}`, seen: 1 },
    ...{ send: [get(1)], later: [rawContinuation(1, block, true)] },
  },
  {
    ...{ clause: '5.1 closed by RST_STREAM', what: 'DATA', outcome: `goaway ${streamClosed}`, seen: 1 },
    send: [waits(1), rawReset(1, 8), rawData(1, 4)],
  },
  {
    ...{ clause: '5.1 closed by RST_STREAM', what: 'HEADERS', outcome: `goaway ${streamClosed}`, seen: 1 },
    send: [waits(1), rawReset(1, 8), waits(1)],
  },
  {
    ...{ clause: '5.1 closed by RST_STREAM', what: 'CONTINUATION', outcome: `goaway ${protocol}`, seen: 1 },
    send: [waits(1), rawReset(1, 8), rawContinuation(1, block, true)],
  },
  { clause: '5.1.1', what: 'an even number', send: [get(2)], outcome: `goaway ${protocol}` },
  {
    ...{ clause: '5.1.1', what: 'a number lower than one before', outcome: `goaway ${protocol}`, seen: 1 },
    send: [waits(5), get(3)],
  },
  { clause: '5.1.1', what: 'numbers left out', send: [get(1), get(7)], outcome: 200, on: 7, seen: 2 },
  { clause: '5.1.1', what: 'the highest number', send: [get(0x7fff_ffff)], outcome: 200, on: 0x7fff_ffff, seen: 1 },
  {
    ...{ clause: '5.1.2', what: 'one stream more than allowed', outcome: `reset ${refusedStream}`, on: 257, seen: 128 },
    send: Array.from({ length: 129 }, (_, index) => waits(index * 2 + 1)),
  },
  {
    ...{ clause: 'RFC 7540 5.3.1', what: 'HEADERS that depend on themselves', outcome: `reset ${protocol}` },
    send: [rawHeaders(1, rawRequest(path), { dependsOn: 1, end: true })],
  },
  {
    ...{ clause: 'RFC 7540 5.3.1', what: 'PRIORITY on itself', outcome: `reset ${protocol}`, seen: 1 },
    send: [waits(1), rawPriority(1, 1)],
  },
  {
    ...{ clause: 'RFC 7540 5.3.1', what: 'PRIORITY of an idle stream on itself', outcome: `goaway ${protocol}` },
    send: [rawPriority(3, 3)],
  },
  {
    ...{ clause: '5.4.1', what: 'a connection error ends it, and what was under way', outcome: `goaway ${protocol}` },
    ...{ send: [waits(1), rawFrame(6, 0, 3, Buffer.alloc(8))], seen: 1 },
  },
  { clause: '5.5', what: 'extension frames', send: [rawFrame(0x20, 1, 1, Buffer.alloc(99))], outcome: 'goes on' },
  {
    ...{ clause: '5.5', what: 'an extension frame within a header block', outcome: `goaway ${protocol}` },
    send: [rawHeaders(1, half(0, 9), { whole: false }), rawFrame(0x20, 0, 0), rawContinuation(1, half(9), true)],
  },
];

const priority = (octets: number, stream: number): Buffer => rawFrame(2, 0, stream, Buffer.alloc(octets));

const definitions: ICase[] = [
  { clause: '6.1', what: 'DATA', send: [post(1), rawData(1, 'test', { end: true })], outcome: 200, seen: 1 },
  {
    ...{ clause: '6.1', what: 'several DATA frames', outcome: 200, seen: 1 },
    send: [post(1), rawData(1, 'te'), rawData(1, 'st', { end: true })],
  },
  {
    ...{ clause: '6.1', what: 'DATA with padding', outcome: 200, seen: 1 },
    send: [post(1, 'content-length', '4'), rawData(1, 'test', { end: true, pad: 6 })],
  },
  {
    ...{ clause: '6.1', what: 'DATA of padding alone', outcome: 200, seen: 1 },
    send: [post(1), rawData(1, 0, { end: true, pad: 255 })],
  },
  { clause: '6.1', what: 'DATA on stream 0', send: [rawData(0, 4)], outcome: `goaway ${protocol}` },
  {
    ...{ clause: '6.1', what: 'more padding than payload', outcome: `goaway ${protocol}`, seen: 1 },
    send: [post(1), rawFrame(0, 9, 1, bytes(6, 116, 101, 115, 116))],
  },
  {
    ...{ clause: '6.2', what: 'HEADERS with padding', outcome: 200, seen: 1 },
    send: [rawHeaders(1, rawRequest(path), { end: true, pad: 8 })],
  },
  {
    ...{ clause: '6.2', what: 'HEADERS with priority', outcome: 200, seen: 1 },
    send: [rawHeaders(1, rawRequest(path), { end: true, dependsOn: 0 })],
  },
  {
    ...{ clause: '6.2', what: 'HEADERS with both', outcome: 200, seen: 1 },
    send: [rawHeaders(1, rawRequest(path), { end: true, pad: 1, dependsOn: 0x8000_0003 })],
  },
  { clause: '6.2', what: 'HEADERS on stream 0', send: [get(0)], outcome: `goaway ${protocol}` },
  {
    ...{ clause: '6.2', what: 'more padding than payload', outcome: `goaway ${protocol}` },
    send: [rawFrame(1, 0x0d, 1, Buffer.concat([bytes(255), block]))],
  },
  {
    clause: '6.3',
    what: 'PRIORITY exclusive, of 256',
    send: [rawPriority(1, 0x8000_0003), get(1)],
    outcome: 200,
    seen: 1,
  },
  {
    ...{ clause: '6.3', what: 'PRIORITY for an idle stream, then one with a lower number', outcome: 200, seen: 1 },
    send: [rawPriority(5, 3), get(1)],
  },
  { clause: '6.3', what: 'PRIORITY on stream 0', send: [priority(5, 0)], outcome: `goaway ${protocol}` },
  {
    ...{ clause: '6.3', what: 'PRIORITY of 4 octets', outcome: `reset ${frameSize}`, seen: 1 },
    send: [waits(1), priority(4, 1)],
  },
  { clause: '6.3', what: 'PRIORITY of 6 octets, idle', send: [priority(6, 1)], outcome: `goaway ${frameSize}` },
  { clause: '6.4', what: 'RST_STREAM', send: [waits(1), rawReset(1, 8)], outcome: 'goes on', seen: 1 },
  { clause: '6.4', what: 'RST_STREAM on stream 0', send: [rawReset(0, 8)], outcome: `goaway ${protocol}` },
  {
    ...{ clause: '6.4', what: 'RST_STREAM of 3 octets', outcome: `goaway ${frameSize}`, seen: 1 },
    send: [waits(1), rawFrame(3, 0, 1, Buffer.alloc(3))],
  },
  { clause: '6.5', what: 'SETTINGS', send: [rawSettings(3, 100)], outcome: 'goes on' },
  {
    ...{ clause: '6.5', what: 'an acknowledgement with a payload', outcome: `goaway ${frameSize}` },
    send: [rawFrame(4, 1, 0, bytes(0))],
  },
  { clause: '6.5', what: 'SETTINGS on a stream', send: [rawFrame(4, 0, 1)], outcome: `goaway ${protocol}` },
  {
    clause: '6.5',
    what: 'SETTINGS of 3 octets',
    send: [rawFrame(4, 0, 0, bytes(0, 3, 0))],
    outcome: `goaway ${frameSize}`,
  },
  { clause: '6.5.2', what: 'ENABLE_PUSH of 2', send: [rawSettings(2, 2)], outcome: `goaway ${protocol}` },
  {
    ...{ clause: '6.5.2', what: 'INITIAL_WINDOW_SIZE of 2^31', outcome: `goaway ${flowControl}` },
    send: [rawSettings(4, 2 ** 31)],
  },
  { clause: '6.5.2', what: 'MAX_FRAME_SIZE of 16,383', send: [rawSettings(5, 16_383)], outcome: `goaway ${protocol}` },
  { clause: '6.5.2', what: 'MAX_FRAME_SIZE of 2^24', send: [rawSettings(5, 2 ** 24)], outcome: `goaway ${protocol}` },
  { clause: '6.5.2', what: 'a setting that is not known', send: [rawSettings(0xff, 1)], outcome: 'goes on' },
  { clause: '6.6', what: 'PUSH_PROMISE', send: [rawFrame(5, 4, 1, Buffer.alloc(4))], outcome: `goaway ${protocol}` },
  { clause: '6.7', what: 'PING', send: [rawPing('12345678')], outcome: 'goes on' },
  { clause: '6.7', what: 'an answer to no PING', send: [rawPing('12345678', true)], outcome: 'goes on' },
  {
    clause: '6.7',
    what: 'PING on a stream',
    send: [rawFrame(6, 0, 1, Buffer.alloc(8))],
    outcome: `goaway ${protocol}`,
  },
  {
    clause: '6.7',
    what: 'PING of 6 octets',
    send: [rawFrame(6, 0, 0, Buffer.alloc(6))],
    outcome: `goaway ${frameSize}`,
  },
  {
    ...{ clause: '6.8', what: 'GOAWAY on a stream', outcome: `goaway ${protocol}` },
    send: [rawFrame(7, 0, 1, Buffer.alloc(8))],
  },
  {
    clause: '6.8',
    what: 'GOAWAY of 4 octets',
    send: [rawFrame(7, 0, 0, Buffer.alloc(4))],
    outcome: `goaway ${frameSize}`,
  },
  { clause: '6.9', what: 'WINDOW_UPDATE', send: [rawWindowUpdate(0, 1), get(1)], outcome: 200, seen: 1 },
  { clause: '6.9', what: 'WINDOW_UPDATE by 0', send: [rawWindowUpdate(0, 0)], outcome: `goaway ${protocol}` },
  {
    ...{ clause: '6.9', what: 'WINDOW_UPDATE by 0 of a stream', outcome: `reset ${protocol}`, seen: 1 },
    send: [waits(1), rawWindowUpdate(1, 0)],
  },
  {
    ...{ clause: '6.9', what: 'WINDOW_UPDATE of 3 octets', outcome: `goaway ${frameSize}` },
    send: [rawFrame(8, 0, 0, Buffer.alloc(3))],
  },
  {
    ...{ clause: '6.9.1', what: 'a window above 2^31-1', outcome: `goaway ${flowControl}` },
    send: [rawWindowUpdate(0, 2 ** 31 - 1), rawWindowUpdate(0, 2 ** 31 - 1)],
  },
  {
    ...{ clause: '6.9.1', what: "a stream's window above 2^31-1", outcome: `reset ${flowControl}`, seen: 1 },
    send: [waits(1), rawWindowUpdate(1, 2 ** 31 - 1), rawWindowUpdate(1, 2 ** 31 - 1)],
  },
  {
    ...{ clause: '6.9.1', what: 'more content than the window of a stream', outcome: `reset ${flowControl}` },
    // Nothing of it goes on before there is a connection to the target.
    send: [rawHeaders(1, rawRequest('/nowhere', 'POST')), ...Array.from({ length: 4 }, () => rawData(1, 16_384))],
  },
  {
    ...{ clause: '6.9.2', what: 'SETTINGS that make a window too large', outcome: `goaway ${flowControl}`, seen: 1 },
    send: [waits(1), rawWindowUpdate(1, 1), rawSettings(4, 2 ** 31 - 1)],
  },
  {
    ...{ clause: '6.10', what: 'a header block of three frames', outcome: 200, seen: 1 },
    send: [
      rawHeaders(1, half(0, 5), { whole: false, end: true }),
      ...[rawContinuation(1, half(5, 9), false), rawContinuation(1, half(9), true)],
    ],
  },
  {
    ...{ clause: '6.10', what: 'DATA within a header block', outcome: `goaway ${protocol}` },
    send: [rawHeaders(1, half(0, 9), { whole: false }), rawData(1, 4)],
  },
  {
    ...{ clause: '6.10', what: 'CONTINUATION on stream 0', outcome: `goaway ${protocol}` },
    send: [rawHeaders(1, half(0, 9), { whole: false }), rawContinuation(0, half(9), true)],
  },
  {
    ...{ clause: '6.10', what: 'CONTINUATION behind END_HEADERS', outcome: `goaway ${protocol}`, seen: 1 },
    send: [post(1), rawContinuation(1, block, true)],
  },
  {
    ...{ clause: '6.10', what: 'CONTINUATION behind the last', outcome: `goaway ${protocol}`, seen: 1 },
    send: [
      rawHeaders(1, half(0, 9), { whole: false }),
      ...[rawContinuation(1, half(9), true), rawContinuation(1, block, true)],
    ],
  },
  {
    ...{ clause: '6.10', what: 'CONTINUATION behind DATA', outcome: `goaway ${protocol}`, seen: 1 },
    send: [post(1), rawData(1, 4), rawContinuation(1, block, true)],
  },
  {
    clause: '7',
    what: 'RST_STREAM by a code that is not known',
    send: [waits(1), rawReset(1, 255)],
    outcome: 'goes on',
    seen: 1,
  },
];

/** `:method` and so on, one replaced, left out (null) or repeated. */
function changed(name: string, ...values: string[]): Buffer {
  const usual = rawRequest(path);
  const fields: string[] = [];
  for (let at = 0; at < usual.length; at += 2) {
    const own = usual[at] as string;
    for (const value of own === name ? values : [usual[at + 1] as string]) fields.push(own, value);
  }
  return asked(...fields);
}

const malformed = (clause: string, what: string, ...send: Buffer[]): ICase => ({
  ...{ clause, what, send, outcome: `reset ${protocol}` },
});

const messages: ICase[] = [
  {
    ...{ clause: '8.1', what: 'trailers', outcome: 200, seen: 1 },
    send: [post(1), rawData(1, 'test'), rawHeaders(1, ['x-sum', '1'], { end: true })],
  },
  {
    clause: '8.1',
    what: 'HEAD',
    send: [rawHeaders(1, rawRequest(path, 'HEAD'), { end: true })],
    outcome: 200,
    seen: 1,
  },
  { ...malformed('8.1', 'a second header block that ends nothing', post(1), post(1)), seen: 1 },
  malformed('8.2.1', 'a name with a large letter', get(1, 'X-Test', 'ok')),
  malformed('8.2.1', 'a name with a space', get(1, 'x test', 'ok')),
  malformed('8.2.1', 'a name with a colon', get(1, 'x:test', 'ok')),
  malformed('8.2.1', 'an empty name', get(1, '', 'ok')),
  malformed('8.2.1', 'a name with NUL', get(1, 'x\0', 'ok')),
  malformed('8.2.1', 'a name above 0x7f', get(1, 'x\xfc', 'ok')),
  malformed('8.2.1', 'a value with CR LF', get(1, 'x-test', 'a\r\nx-other: b')),
  malformed('8.2.1', 'a value with LF', get(1, 'x-test', 'a\nb')),
  malformed('8.2.1', 'a value with NUL', get(1, 'x-test', 'a\0b')),
  malformed('8.2.1', 'a value with a space before it', get(1, 'x-test', ' a')),
  malformed('8.2.1', 'a value with a tab behind it', get(1, 'x-test', 'a\t')),
  malformed('8.2.2', 'Connection', get(1, 'connection', 'keep-alive')),
  malformed('8.2.2', 'Keep-Alive', get(1, 'keep-alive', 'timeout=5')),
  malformed('8.2.2', 'Proxy-Connection', get(1, 'proxy-connection', 'keep-alive')),
  malformed('8.2.2', 'Transfer-Encoding', get(1, 'transfer-encoding', 'chunked')),
  malformed('8.2.2', 'Upgrade', get(1, 'upgrade', 'websocket')),
  malformed('8.2.2', 'TE other than trailers', get(1, 'te', 'trailers, deflate')),
  { clause: '8.2.2', what: 'TE: trailers', send: [get(1, 'te', 'trailers')], outcome: 200, seen: 1 },
  {
    clause: '8.2.3',
    what: 'cookies in pieces',
    send: [get(1, 'cookie', 'a=1', 'cookie', 'b=2')],
    outcome: 200,
    seen: 1,
  },
  malformed('8.3', 'a pseudo-field that is not known', asked(...rawRequest(path), ':test', 'ok')),
  malformed('8.3', 'the pseudo-field of answers', asked(...rawRequest(path), ':status', '200')),
  {
    ...malformed(
      '8.3',
      'a pseudo-field in trailers',
      post(1),
      rawData(1, 4),
      rawHeaders(1, [':method', 'GET'], { end: true }),
    ),
    seen: 1,
  },
  malformed('8.3', 'a pseudo-field behind others', asked('x-test', 'ok', ...rawRequest(path))),
  malformed('8.3.1', 'an empty :path', changed(':path', '')),
  malformed('8.3.1', 'no :method', changed(':method')),
  malformed('8.3.1', 'no :scheme', changed(':scheme')),
  malformed('8.3.1', 'no :path', changed(':path')),
  malformed('8.3.1', ':method twice', changed(':method', 'GET', 'GET')),
  malformed('8.3.1', ':scheme twice', changed(':scheme', 'http', 'http')),
  malformed('8.3.1', ':path twice', changed(':path', '/', '/')),
  malformed('8.3.1', ':authority twice', changed(':authority', 'a.test', 'a.test')),
  malformed('8.3.1', ':authority with user information', changed(':authority', 'user@a.test')),
  malformed('8.3.1', 'Host that differs', get(1, 'host', 'b.test')),
  malformed('8.3.1', ':path with a space', changed(':path', '/a b')),
  malformed('8.3.1', ':path without its slash', changed(':path', 'a')),
  malformed('8.3.1', ':method with a space', changed(':method', 'GET /x HTTP/1.1\r\na:')),
  {
    clause: '8.3.1',
    what: 'Host instead of :authority',
    send: [asked(':method', 'GET', ':scheme', 'http', ':path', path, 'host', 'a.test')],
    outcome: 200,
    seen: 1,
  },
  { clause: '8.3.1', what: 'Host that says the same', send: [get(1, 'host', 'a.test')], outcome: 200, seen: 1 },
  {
    ...malformed(
      '8.1.1',
      'content shorter than its length',
      post(1, 'content-length', '5'),
      rawData(1, 'test', { end: true }),
    ),
    seen: 1,
  },
  {
    ...malformed(
      '8.1.1',
      'content longer than its length',
      post(1, 'content-length', '1'),
      rawData(1, 'test', { end: true }),
    ),
    seen: 1,
  },
  {
    ...malformed(
      ...(['8.1.1', 'content longer by several frames'] as const),
      ...[post(1, 'content-length', '5'), rawData(1, 'test'), rawData(1, 'test', { end: true })],
    ),
    seen: 1,
  },
  malformed('8.1.1', 'a length, and no content', get(1, 'content-length', '4')),
  malformed('8.1.1', 'a length that is no number', post(1, 'content-length', '4a'), rawData(1, 4, { end: true })),
  malformed('8.1.1', 'two lengths', post(1, 'content-length', '4', 'content-length', '5')),
  {
    clause: '8.4',
    what: 'a client that pushes',
    send: [get(1), rawFrame(5, 4, 1, Buffer.alloc(4))],
    outcome: `goaway 1`,
    seen: 1,
  },
  malformed('8.5', 'CONNECT with :path', asked(':method', 'CONNECT', ':authority', 'a.test:1', ':path', '/')),
];

const literal = (first: number, ...octets: number[]): Buffer => bytes(first, ...octets);
/** A name or value, as it is. */
const text = (value: string): number[] => [value.length, ...Buffer.from(value)];

const packing: ICase[] = [
  {
    ...{ clause: 'RFC 7541 6.1', what: 'an indexed field', outcome: 200, seen: 1 },
    send: [packed(bytes(), bytes(0x90))],
  },
  {
    ...{ clause: 'RFC 7541 6.2.1', what: 'added to the table, and used', outcome: 200, on: 3, seen: 2 },
    send: [
      packed(bytes(), literal(0x40, ...text('x-a'), ...text('b'))),
      rawHeaders(3, Buffer.concat([block, bytes(0xbe)]), { end: true }),
    ],
  },
  {
    ...{ clause: 'RFC 7541 6.2.1', what: 'added by the name of another', outcome: 200, seen: 1 },
    send: [packed(bytes(), literal(0x7a, ...text('b')))],
  },
  {
    ...{ clause: 'RFC 7541 6.2.2', what: 'without indexing', outcome: 200, seen: 1 },
    send: [packed(bytes(), literal(0x0f, 43, ...text('b')))],
  },
  {
    ...{ clause: 'RFC 7541 6.2.3', what: 'never indexed', outcome: 200, seen: 1 },
    send: [packed(bytes(), literal(0x10, ...text('x-a'), ...text('b')))],
  },
  { clause: 'RFC 7541 6.3', what: 'a new size', send: [packed(bytes(0x3f, 0x61))], outcome: 200, seen: 1 },
  {
    clause: 'RFC 7541 6.3',
    what: 'two new sizes',
    send: [packed(bytes(0x20, 0x3f, 0xe1, 0x1f))],
    outcome: 200,
    seen: 1,
  },
  {
    clause: 'RFC 7541 2.3.3',
    what: 'an index beyond the tables',
    send: [packed(bytes(0xc6))],
    outcome: `goaway ${compression}`,
  },
  {
    ...{ clause: 'RFC 7541 2.3.3', what: 'the name of such an index', outcome: `goaway ${compression}` },
    send: [packed(bytes(), literal(0x7f, 10, ...text('b')))],
  },
  {
    ...{ clause: 'RFC 7541 4.2', what: 'a new size behind fields', outcome: `goaway ${compression}` },
    send: [packed(bytes(), bytes(0x20))],
  },
  {
    ...{ clause: 'RFC 7541 5.1', what: 'a number without end', outcome: `goaway ${compression}` },
    send: [packed(bytes(), bytes(0x7f, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01))],
  },
  {
    ...{ clause: 'RFC 7541 5.2', what: 'a string longer than its block', outcome: `goaway ${compression}` },
    send: [packed(bytes(), bytes(0x00, 0x05, 0x61))],
  },
  {
    ...{ clause: 'RFC 7541 5.2', what: 'Huffman padding of 8 bits', outcome: `goaway ${compression}` },
    send: [packed(bytes(), literal(0x00, ...text('x-a'), 0x82, 0x1f, 0xff))],
  },
  {
    ...{ clause: 'RFC 7541 5.2', what: 'Huffman padding of zeros', outcome: `goaway ${compression}` },
    send: [packed(bytes(), literal(0x00, ...text('x-a'), 0x81, 0x18))],
  },
  {
    ...{ clause: 'RFC 7541 5.2', what: 'the end of string, coded', outcome: `goaway ${compression}` },
    send: [packed(bytes(), literal(0x00, ...text('x-a'), 0x84, 0xff, 0xff, 0xff, 0xff))],
  },
  { clause: 'RFC 7541 6.1', what: 'index 0', send: [packed(bytes(0x80))], outcome: `goaway ${compression}` },
  {
    ...{ clause: 'RFC 7541 6.3', what: 'a size above the limit', outcome: `goaway ${compression}` },
    send: [packed(bytes(0x3f, 0xe2, 0x1f))],
  },
];

const table: readonly ICase[] = [...beginning, ...frames, ...states, ...definitions, ...messages, ...packing];

/** One proxy for all: what a case does to it, the next one sees. */
async function startWorld() {
  const certificate = await makeCertificate({ names: ['a.test'] });
  const origin = await startHttpOrigin((request, response) => {
    if (request.url?.startsWith('/waits')) request.pause();
    else request.resume().on('end', () => response.end(request.headers['x-large'] ? Buffer.alloc(100_000) : 'seen'));
  });
  const blackhole = await startBlackhole();
  const nowhere = { name: 'nowhere', match: { ports: 0, path: '/nowhere' } };
  const secure = await startProxy({
    routes: [makeHttpsRoute(origin.port, certificate), makeHttpsRoute(blackhole.port, certificate, nowhere)],
  });
  const plain = await startProxy({
    routes: [makeHttpRoute(origin.port), makeHttpRoute(blackhole.port, nowhere)],
    http: { h2c: true },
  });
  return { origin, blackhole, secure, plain };
}

const world = startWorld();
const transports = ['TLS', 'prior knowledge'] as const;

async function connect(transport: (typeof transports)[number]): Promise<RawPeer> {
  const { secure, plain } = await world;
  const host = '127.0.0.1';
  const socket =
    transport === 'TLS'
      ? tls.connect({ port: secure.port, host, servername: 'a.test', ALPNProtocols: ['h2'], rejectUnauthorized: false })
      : net.connect({ port: plain.port, host });
  const peer = new RawPeer(socket, false);
  await new Promise((resolve) => socket.once(transport === 'TLS' ? 'secureConnect' : 'connect', resolve));
  return peer;
}

async function isAnswered(peer: RawPeer, stream: number): Promise<string> {
  const head = await peer.next('HEADERS', stream);
  const { frames } = peer;
  const fields = head.payload.toString('latin1');
  if ((head.flags & 1) === 0) {
    await until(
      () => frames.some((frame) => frame.stream === stream && frame.name === 'DATA' && (frame.flags & 1) === 1),
      15_000,
      () => 'the end of the answer',
    );
  }
  return fields;
}

/** Fields are sent as they are, without Huffman's code. */
const numbered = (frame: Buffer, number: string): Buffer =>
  Buffer.from(frame.toString('latin1').replaceAll('/0000', `/${number}`), 'latin1');
let cases = 0;

/** Static index 8: `:status: 200`. */
const isGood = (answer: string): boolean => answer.charCodeAt(0) === 0x88;

for (const { clause, what, send, later = [], outcome, on = 1, seen = 0, begin = rawSettings() } of table) {
  for (const transport of transports) {
    tap.test(`§${clause}, ${what}, by ${transport}: ${outcome}`, async () => {
      const { origin } = await world;
      const number = String(++cases).padStart(4, '0');
      const arrived = (): number => origin.requests.filter(({ url }) => url.endsWith(number)).length;
      let allowed = seen;
      await using peer = await connect(transport);
      peer.send(h2Preface, ...[begin, ...send].map((each) => numbered(each, number)));
      if (later.length > 0) {
        expect(isGood(await isAnswered(peer, 1))).toBeTrue();
        peer.send(...later.map((each) => numbered(each, number)));
      }
      if (typeof outcome === 'string' && outcome.startsWith('goaway')) {
        const { payload } = await peer.next('GOAWAY');
        await peer.untilEnded();
        expect(`goaway ${payload.readUInt32BE(4)}`).toEqual(outcome);
        expect(peer.frames.length).toEqual(0);
      } else {
        if (outcome === 200) expect(isGood(await isAnswered(peer, on))).toBeTrue();
        else if (typeof outcome === 'string' && outcome.startsWith('reset')) {
          const { payload } = await peer.next('RST_STREAM', on);
          expect(`reset ${payload.readUInt32BE(0)}`).toEqual(outcome);
        }
        const rest = await peer.sync();
        expect(rest.filter(({ name }) => name === 'GOAWAY' || name === 'RST_STREAM').length).toEqual(0);
        // The connection lives on: another request is served, but where no number or no room is left.
        const more = on < 257 ? 1 : 0;
        if (more > 0) {
          peer.send(numbered(get(999), number));
          expect(isGood(await isAnswered(peer, 999))).toBeTrue();
        }
        // What a client took back may have come to the target, or not.
        if (seen === 0 || outcome === 200 || on > 1) {
          await until(
            () => arrived() >= seen + more,
            15_000,
            () => 'all requests that were to come',
          );
        }
        allowed += more;
      }
      expect(arrived()).toBeLessThan(allowed + 1);
    });
  }
}

for (const transport of transports) {
  const answered = async (peer: RawPeer, stream: number): Promise<void> =>
    expect(isGood(await isAnswered(peer, stream))).toBeTrue();

  tap.test(
    `§3.4, what is no preface, by ${transport}: nothing is asked of a target, and the connection ends`,
    async () => {
      const { origin } = await world;
      const before = origin.requests.length;
      await using peer = await connect(transport);
      peer.send(Buffer.from('PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n'), rawSettings(), get(1));
      await peer.untilEnded();
      expect(origin.requests.length).toEqual(before);
    },
  );

  tap.test(`§3.4, a preface octet by octet, by ${transport}: as if it came at once`, async () => {
    await using peer = await connect(transport);
    for (const octet of Buffer.concat([h2Preface, rawSettings(), numbered(get(1), '9999')])) {
      peer.send(Buffer.of(octet));
      await new Promise(setImmediate);
    }
    await answered(peer, 1);
  });

  tap.test(`§6.5.3, SETTINGS by ${transport}: acknowledged each, in order, the last value counts`, async () => {
    await using peer = await connect(transport);
    peer.send(h2Preface, rawSettings(4, 100, 4, 1), numbered(get(1), '9999'));
    const acknowledged = await peer.next('SETTINGS');
    expect(acknowledged.flags & 1).toEqual(0);
    expect((await peer.next('SETTINGS')).flags & 1).toEqual(1);
    const { payload } = await peer.next('DATA', 1);
    expect(payload.length).toEqual(1);
    peer.send(rawSettings(4, 3));
    expect((await peer.next('SETTINGS')).flags & 1).toEqual(1);
    expect((await peer.next('DATA', 1)).payload.length).toEqual(2);
  });

  tap.test(
    `§6.9.2, windows by ${transport}: made smaller below zero, content waits until they are open again`,
    async () => {
      await using peer = await connect(transport);
      // Four octets of content, of which three go out.
      peer.send(h2Preface, rawSettings(4, 3), numbered(get(1), '9999'));
      expect((await peer.next('DATA', 1)).payload.length).toEqual(3);
      peer.send(rawSettings(4, 2), rawWindowUpdate(1, 1));
      expect((await peer.sync()).filter(({ name }) => name === 'DATA').length).toEqual(0);
      peer.send(rawWindowUpdate(1, 1));
      const last = await peer.next('DATA', 1);
      expect([last.payload.toString(), last.flags & 1]).toEqual(['n', 1]);
    },
  );

  tap.test(`§6.9.1, the connection's window by ${transport}: nothing beyond it is sent on any stream`, async () => {
    await using peer = await connect(transport);
    peer.send(h2Preface, rawSettings(4, 2 ** 31 - 1), numbered(get(1, 'x-large', '1'), '9999'));
    let bytes = 0;
    for (const { name, payload } of await peer.sync()) if (name === 'DATA') bytes += payload.length;
    while (bytes < 65_535) bytes += (await peer.next('DATA', 1)).payload.length;
    expect((await peer.sync()).filter(({ name }) => name === 'DATA').length).toEqual(0);
    expect(bytes).toEqual(65_535);
    peer.send(rawWindowUpdate(0, 1));
    expect((await peer.next('DATA', 1)).payload.length).toEqual(1);
  });

  tap.test(
    `§6.8, GOAWAY from the client by ${transport}: what is under way is answered, then the connection ends`,
    async () => {
      await using peer = await connect(transport);
      peer.send(h2Preface, rawSettings(), numbered(get(1), '9999'), rawGoaway(0, 0x99));
      await answered(peer, 1);
      await peer.untilEnded();
    },
  );

  tap.test(`§8.1, a request whose answer is HEAD's, by ${transport}: no DATA but what ends the stream`, async () => {
    await using peer = await connect(transport);
    peer.send(h2Preface, rawSettings(), rawHeaders(1, rawRequest('/9999', 'HEAD'), { end: true }));
    await answered(peer, 1);
    expect(
      (await peer.sync()).reduce((sum, { name, payload }) => sum + (name === 'DATA' ? payload.length : 0), 0),
    ).toEqual(0);
  });

  tap.test(`§8.2.3, cookies in pieces by ${transport}: one field at a target of HTTP/1.1`, async () => {
    const { origin } = await world;
    await using peer = await connect(transport);
    peer.send(
      h2Preface,
      rawSettings(),
      numbered(get(1, 'cookie', 'a=1', 'cookie', 'b=2'), `c${transport.slice(0, 3)}`),
    );
    await answered(peer, 1);
    expect(origin.requests.find(({ url }) => url === `/c${transport.slice(0, 3)}`)?.field('cookie')).toEqual(
      'a=1; b=2',
    );
  });
}

tap.test('nothing is left of all that', async () => {
  const { origin, blackhole, secure, plain } = await world;
  await secure[Symbol.asyncDispose]();
  await plain[Symbol.asyncDispose]();
  await origin[Symbol.asyncDispose]();
  await blackhole[Symbol.asyncDispose]();
});

export default tap.start();
