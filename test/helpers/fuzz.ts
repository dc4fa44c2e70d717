// Feeds a subject what is nearly right: seeds with octets changed, parts repeated, cut, mixed, and words of its language put in.
// Reproducible: the n-th input of a seed is the same in every run.

import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { long } from './tapbundle.js';

export interface IFuzzSubject {
  /** Right ones, and attacks. */
  readonly seeds: readonly Buffer[];
  /** Words that mean something there. */
  readonly words: readonly (string | Buffer)[];
  /** True: it was accepted. Throws where something is not as it must be. `random`: below a number. */
  judge(bytes: Buffer, random: TRandom): boolean | Promise<boolean>;
}

export type TRandom = (below: number) => number;

export interface IFuzzReport {
  readonly inputs: number;
  readonly accepted: number;
  /** Of memory that is in use after a collection, from a tenth of the way on. */
  readonly grownBytes: number;
  /** The longest that one input took, if nothing else did. */
  readonly mostMs: number;
  readonly seconds: number;
}

/** A million in the long form. */
export const fuzzInputs = (short = 2_000): number => (long ? 1_000_000 : short);

const longestBytes = 65_536;
/** One input may take so much of the processor; a judge does its work several times over. */
export const longestMs = 100;
const suspectMs = 30;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Rejects with the input, in Base64, that the subject did not stand. */
export async function fuzz(subject: IFuzzSubject, inputs: number, seed: number): Promise<IFuzzReport> {
  const begunMs = performance.now();
  let accepted = 0;
  let mostMs = 0;
  let heldBytes = 0;
  for (let n = 0; n < inputs; n++) {
    if (n === Math.floor(inputs / 10)) heldBytes = heldNow();
    // What an input left for the end of the turn is done with before the next hundred.
    if (n % 100 === 0) await turn();
    const start = Math.imul(seed, 0x85ebca6b) + Math.imul(n, 0x9e3779b1);
    const bytes = mutate(subject, randomOf(start));
    // Judged again it is judged alike.
    const judge = () => subject.judge(bytes, randomOf(~start));
    const before = performance.now();
    try {
      const judged = judge();
      if (typeof judged === 'boolean' ? judged : await judged) accepted++;
    } catch (error) {
      const what = error instanceof Error ? error.message : String(error);
      throw new Error(`input ${n} of seed ${seed}, ${bytes.toString('base64')}: ${what}`, { cause: error });
    }
    if (performance.now() - before > Math.max(suspectMs, mostMs)) {
      const ms = await leastCpuMs(judge);
      if (ms > longestMs) throw new Error(`input ${n} of seed ${seed} takes ${ms} ms: ${bytes.toString('base64')}`);
      mostMs = Math.max(mostMs, ms);
    }
  }
  await turn();
  const grownBytes = heldNow() - heldBytes;
  return { inputs, accepted, grownBytes, mostMs, seconds: (performance.now() - begunMs) / 1000 };
}

export const tell = ({ inputs, accepted, grownBytes, seconds }: IFuzzReport): string =>
  `${inputs} inputs, ${accepted} accepted, ${(grownBytes / 2 ** 20).toFixed(1)} MiB grown, ${seconds.toFixed(0)} s`;

function heldNow(): number {
  collect();
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** The least processor time of three runs: other processes only ever make it longer. */
async function leastCpuMs(work: () => unknown): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let n = 0; n < 3; n++) {
    const before = process.cpuUsage();
    await work();
    const { user, system } = process.cpuUsage(before);
    least = Math.min(least, (user + system) / 1000);
  }
  return least;
}

/** Mulberry32. */
function randomOf(seed: number): TRandom {
  let state = seed | 0;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296) * below);
  };
}

const telling = [0, 1, 2, 9, 10, 13, 32, 34, 44, 47, 48, 58, 59, 92, 127, 128, 192, 254, 255];

function mutate({ seeds, words }: IFuzzSubject, random: TRandom): Buffer {
  const pick = <T>(of: readonly T[]): T => of[random(of.length)] as T;
  const octet = () => (random(2) === 0 ? pick(telling) : random(256));
  if (random(50) === 0) return Buffer.from(Array.from({ length: random(200) }, octet));
  let bytes = Buffer.from(pick(seeds));
  // Some stay as they are: those must be judged the same every time.
  for (let left = random(6); left > 0; left--) {
    const at = random(bytes.length + 1);
    const to = Math.min(bytes.length, at + 1 + random(random(4) === 0 ? 200 : 8));
    const [before, part, after] = [bytes.subarray(0, at), bytes.subarray(at, to), bytes.subarray(to)];
    const how = random(9);
    if (how <= 2 && at < bytes.length) bytes[at] = how === 0 ? (bytes[at] ?? 0) ^ (1 << random(8)) : octet();
    else if (how === 3) bytes = Buffer.concat([before, Buffer.of(octet()), part, after]);
    else if (how === 4) bytes = Buffer.concat([before, after]);
    else if (how === 5) bytes = Buffer.concat([before, part, part, after]);
    else if (how === 6)
      bytes = Buffer.concat([before, Buffer.from(pick(words)), random(2) === 0 ? part : '', after].map(toBuffer));
    else if (how === 7) bytes = Buffer.concat([before, pick(seeds).subarray(random(40))]);
    else if (how === 8 && random(4) === 0) bytes = Buffer.from(before);
  }
  return bytes.length > longestBytes ? bytes.subarray(0, longestBytes) : bytes;
}

const toBuffer = (part: Uint8Array | string): Buffer =>
  typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.from(part);
