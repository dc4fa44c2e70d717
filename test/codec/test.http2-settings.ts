import { h2Error } from '../../ts/codec/http2-frame.js';
import { PeerSettings } from '../../ts/codec/http2-settings.js';
import { rawSettings } from '../helpers/h2-raw.js';
import { expect, tap } from '../helpers/tapbundle.js';

function apply(settings: PeerSettings, values: readonly number[], fromServer = false): number {
  const bytes = rawSettings(...values);
  return settings.apply(bytes, 9, bytes.length, fromServer);
}

tap.test('begins as RFC 9113 §6.5.2 says', async () => {
  const settings = new PeerSettings();
  expect(settings.headerTableSize).toEqual(4_096);
  expect(settings.maxConcurrentStreams).toEqual(0xffff_ffff);
  expect(settings.initialWindowSize).toEqual(65_535);
  expect(settings.maxFrameSize).toEqual(16_384);
  expect(settings.enableConnectProtocol).toBeFalse();
});

tap.test('takes all settings in their order, the last of each counts, and others are ignored', async () => {
  const settings = new PeerSettings();
  expect(apply(settings, [1, 0, 3, 7, 4, 5, 4, 6, 5, 20_000, 6, 1_000, 8, 1, 9, 1, 0x4242, 5])).toEqual(0);
  expect(settings.headerTableSize).toEqual(0);
  expect(settings.maxConcurrentStreams).toEqual(7);
  expect(settings.initialWindowSize).toEqual(6);
  expect(settings.maxFrameSize).toEqual(20_000);
  expect(settings.maxHeaderListSize).toEqual(1_000);
  expect(settings.enableConnectProtocol).toBeTrue();
  expect(apply(settings, [])).toEqual(0);
});

const edges: readonly (readonly [string, readonly number[], boolean, number])[] = [
  ['ENABLE_PUSH 0 from a server', [2, 0], true, 0],
  ['ENABLE_PUSH 1 from a server', [2, 1], true, h2Error.protocol],
  ['ENABLE_PUSH 1 from a client', [2, 1], false, 0],
  ['ENABLE_PUSH 2', [2, 2], false, h2Error.protocol],
  ['the largest window', [4, 0x7fff_ffff], false, 0],
  ['a larger window', [4, 0x8000_0000], false, h2Error.flowControl],
  ['the smallest MAX_FRAME_SIZE', [5, 16_384], false, 0],
  ['a smaller one', [5, 16_383], false, h2Error.protocol],
  ['the largest MAX_FRAME_SIZE', [5, 0xff_ffff], false, 0],
  ['a larger one', [5, 0x100_0000], false, h2Error.protocol],
  ['ENABLE_CONNECT_PROTOCOL 2', [8, 2], true, h2Error.protocol],
  ['ENABLE_CONNECT_PROTOCOL taken back', [8, 1, 8, 0], true, h2Error.protocol],
  ['ENABLE_CONNECT_PROTOCOL given late', [8, 0, 8, 1, 8, 1], true, 0],
  ['NO_RFC7540_PRIORITIES 2', [9, 2], false, h2Error.protocol],
  ['NO_RFC7540_PRIORITIES changed', [9, 0, 9, 1], false, h2Error.protocol],
];

for (const [what, values, fromServer, code] of edges) {
  tap.test(`${what}: ${code === 0 ? 'taken' : `refused by ${code}`}`, async () => {
    expect(apply(new PeerSettings(), values, fromServer)).toEqual(code);
  });
}

export default tap.start();
