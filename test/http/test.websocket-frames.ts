import type { Socket } from 'node:net';
import fc from 'fast-check';
import { FrameGate } from '../../ts/http/websocket-frames.js';
import { expect, numRuns, tap } from '../helpers/tapbundle.js';
import { type IFrameParts, makeFrame, readFrames } from '../helpers/websocket-frames.js';

interface IWorld {
  readonly gate: FrameGate;
  /** What the gate wrote by itself, outside of `pass`. */
  readonly written: Buffer[];
  readonly heard: string[];
}

function makeGate({ masked = false, maxPayload = 0 } = {}): IWorld {
  const written: Buffer[] = [];
  const heard: string[] = [];
  const to = { writableEnded: false, write: (bytes: Buffer) => written.push(bytes) } as unknown as Socket;
  const listener = { closeSeen: () => heard.push('close'), tooLarge: () => heard.push('too large') };
  return { gate: new FrameGate(to, masked, maxPayload, listener), written, heard };
}

/** `bytes` cut at these places; each piece in memory that is used again, as the pump's is. */
function passInPieces(gate: FrameGate, bytes: Buffer, cuts: readonly number[]): Buffer {
  const places = [...new Set([0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length])].sort((a, b) => a - b);
  const out: Buffer[] = [];
  for (const [index, from] of places.entries()) {
    const piece = Buffer.from(bytes.subarray(from, places[index + 1] ?? from));
    out.push(Buffer.from(gate.pass(piece)));
    piece.fill(0xff);
  }
  return Buffer.concat(out);
}

const everyByte = (bytes: Buffer): number[] => Array.from({ length: bytes.length }, (_, at) => at);

const aFrame = fc
  .record({
    size: fc.oneof(fc.integer({ min: 0, max: 140 }), fc.constantFrom(125, 126, 65_535, 65_536)),
    opcode: fc.constantFrom(0, 1, 2),
    fin: fc.boolean(),
    mask: fc.option(fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 4, maxLength: 4 })),
    lengthBytes: fc.constantFrom<0 | 2 | 8>(0, 2, 8),
  })
  .map(({ size, ...parts }) => makeFrame(Buffer.alloc(size, 7), parts));
const someCuts = fc.array(fc.nat(), { maxLength: 12 });

tap.test('whatever the cuts, all frames come out as they went in', () => {
  fc.assert(
    fc.property(fc.array(aFrame, { maxLength: 6 }), someCuts, fc.boolean(), (frames, cuts, limited) => {
      const { gate, written, heard } = makeGate({ maxPayload: limited ? 1_000_000 : 0 });
      const bytes = Buffer.concat(frames);
      expect(passInPieces(gate, bytes, cuts).equals(bytes)).toBeTrue();
      expect(written.length + heard.length).toEqual(0);
    }),
    { seed: 6455, numRuns: numRuns(200) },
  );
});

tap.test('a Close of ours comes where a frame has ended, and nothing after it', () => {
  fc.assert(
    fc.property(
      fc.array(aFrame, { minLength: 1, maxLength: 5 }),
      someCuts,
      fc.nat(),
      fc.constantFrom(0, 1_000_000),
      (frames, cuts, when, maxPayload) => {
        const { gate, written } = makeGate({ maxPayload });
        const bytes = Buffer.concat(frames);
        const at = when % bytes.length;
        const before = passInPieces(gate, bytes.subarray(0, at), cuts);
        gate.close(1001);
        const after = passInPieces(gate, bytes.subarray(at), cuts);
        const out = readFrames(Buffer.concat([before, ...written, after]));
        let whole = 0;
        let length = 0;
        while (length < at) length += frames[whole++]?.length ?? 0;
        expect(out.map(({ opcode }) => opcode)).toEqual([
          ...readFrames(Buffer.concat(frames.slice(0, whole))).map(({ opcode }) => opcode),
          8,
        ]);
        expect(out.at(-1)?.content.readUInt16BE()).toEqual(1001);
        expect(gate.closed).toBeTrue();
      },
    ),
    { seed: 6455, numRuns: numRuns(200) },
  );
});

tap.test('between frames a Close goes out at once; within one a ping and a Close wait for its end', () => {
  const frame = makeFrame('abcdef');
  const idle = makeGate();
  idle.gate.close(1001);
  expect(idle.written.map((bytes) => bytes.toString('hex'))).toEqual(['880203e9']);
  for (const bytes of [1, 2, 5]) {
    const { gate, written } = makeGate();
    gate.pass(frame.subarray(0, bytes));
    gate.ping();
    expect(gate.pingWaits).toBeTrue();
    gate.close(1001);
    gate.close(1009);
    expect([written.length, gate.closed]).toEqual([0, false]);
    const out = Buffer.concat([frame.subarray(0, bytes), gate.pass(frame.subarray(bytes))]);
    expect(readFrames(out).map(({ opcode }) => opcode)).toEqual([2, 9, 8]);
  }
});

tap.test('frames to a target are masked, with a mask of their own each time', () => {
  const masks = new Set<string>();
  for (let count = 0; count < 4; count++) {
    const { gate, written } = makeGate({ masked: true });
    gate.close(1001);
    const bytes = Buffer.concat(written);
    masks.add(bytes.subarray(2, 6).toString('hex'));
    const [frame] = readFrames(bytes);
    expect([frame?.opcode, frame?.masked, frame?.content.readUInt16BE()]).toEqual([8, true, 1001]);
  }
  expect(masks.size).toBeGreaterThan(1);
});

tap.test("after the sender's Close nothing goes out any more, ours neither", () => {
  const { gate, written, heard } = makeGate();
  const close = makeFrame(Buffer.from([3, 232]), { opcode: 8 });
  const out = gate.pass(Buffer.concat([makeFrame('a'), close, makeFrame('late')]));
  expect(readFrames(out).map(({ opcode }) => opcode)).toEqual([2, 8]);
  gate.close(1001);
  gate.ping();
  expect(gate.pass(makeFrame('later')).length).toEqual(0);
  expect([written.length, heard, gate.senderClosed, gate.closed]).toEqual([0, ['close'], true, true]);
});

tap.test("the sender's Close is seen behind ours, without going on", () => {
  const { gate, heard } = makeGate();
  gate.close(1001);
  const close = makeFrame(Buffer.from([3, 233]), { opcode: 8, mask: [1, 2, 3, 4] });
  expect(passInPieces(gate, Buffer.concat([makeFrame('a'), close]), everyByte(close)).length).toEqual(0);
  expect([heard, gate.senderClosed]).toEqual([['close'], true]);
});

const messages: readonly [string, readonly [number, IFrameParts?][], boolean][] = [
  ['of just the limit', [[100]], false],
  ['over it', [[101]], true],
  [
    'over it by fragments',
    [
      [60, { fin: false }],
      [41, { opcode: 0 }],
    ],
    true,
  ],
  [
    'of the limit in fragments, with a ping in between',
    [
      [60, { fin: false }],
      [9, { opcode: 9 }],
      [40, { opcode: 0 }],
    ],
    false,
  ],
  ['twice the limit', [[100], [100]], false],
  ['with a control frame longer than any may be', [[10], [126, { opcode: 9 }]], true],
  ['whose length is written long', [[101, { lengthBytes: 8, mask: [1, 2, 3, 4] }]], true],
  ['whose small length is written long', [[100, { lengthBytes: 8, mask: [1, 2, 3, 4] }]], false],
];

for (const [what, frames, refused] of messages) {
  tap.test(`a message ${what} is ${refused ? 'refused' : 'passed on'}, wherever it is cut`, () => {
    const sent = frames.map(([size, parts]) => makeFrame(Buffer.alloc(size, 65), parts));
    const bytes = Buffer.concat([makeFrame('first'), ...sent]);
    const good = Buffer.concat([makeFrame('first'), ...sent.slice(0, refused ? -1 : undefined)]);
    for (const cuts of [[], everyByte(bytes), ...everyByte(bytes).map((cut) => [cut])]) {
      const { gate, heard } = makeGate({ maxPayload: 100 });
      const out = passInPieces(gate, bytes, cuts);
      expect(out.subarray(0, good.length).equals(good)).toBeTrue();
      const rest = readFrames(out.subarray(good.length));
      expect(rest.map(({ content }) => content.readUInt16BE())).toEqual(refused ? [1009] : []);
      expect(heard).toEqual(refused ? ['too large'] : []);
    }
  });
}

tap.test('of a frame that never ends nothing is kept, and no length overflows', () => {
  const { gate } = makeGate();
  const endless = Buffer.concat([Buffer.from([0x82, 127]), Buffer.alloc(8, 0xff)]);
  expect(gate.pass(endless)).toEqual(endless);
  const chunk = Buffer.alloc(65_536);
  for (let count = 0; count < 100; count++) expect(gate.pass(chunk) === chunk).toBeTrue();
  gate.close(1001);
  expect(gate.closed).toBeFalse();
});

tap.test('bytes that are no frames at all never throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), someCuts, fc.constantFrom(0, 50), (bytes, cuts, maxPayload) => {
      const { gate } = makeGate({ maxPayload });
      const out = passInPieces(gate, Buffer.from(bytes), cuts);
      return maxPayload > 0 || gate.closed || out.equals(Buffer.from(bytes));
    }),
    { seed: 6455, numRuns: numRuns(300) },
  );
});

export default tap.start();
