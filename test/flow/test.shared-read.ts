import type { Socket } from 'node:net';
import { SharedRead } from '../../ts/flow/shared-read.js';
import { makeSocketPair } from '../helpers/socket-pair.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';

interface IRead {
  readonly text: string;
  readonly owned: boolean;
  readonly chunk: Buffer;
}

/** What was read of a socket: as text at once, and as the chunk it was. */
function readAll(socket: Socket): { readonly reads: IRead[]; readonly reading: SharedRead; text(): string } {
  const reads: IRead[] = [];
  const reading = new SharedRead(socket, (chunk, owned) =>
    reads.push({ text: chunk.toString('latin1'), owned, chunk }),
  );
  return { reads, reading, text: () => reads.map(({ text }) => text).join('') };
}

/** Rejects when the test destroys the socket. */
async function iterate(socket: Socket, chunks: Buffer[]): Promise<void> {
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) chunks.push(chunk as Buffer);
}

const waitFor = (condition: () => boolean, what: string) => until(condition, 5_000, () => what);

tap.test('small reads of many sockets share one memory, and each sees its own bytes', async () => {
  await using one = await makeSocketPair();
  await using two = await makeSocketPair();
  const [first, second] = [readAll(one.near), readAll(two.near)];
  one.far.write('from one');
  await waitFor(() => first.text() === 'from one', 'the first bytes');
  two.far.write('of two');
  await waitFor(() => second.text() === 'of two', 'the second bytes');
  const [a, b] = [first.reads[0], second.reads[0]];
  expect([a?.owned, b?.owned]).toEqual([false, false]);
  expect(a?.chunk.buffer === b?.chunk.buffer).toBeTrue();
  // Lent memory is used again: whoever did not copy has the bytes of another now.
  expect(a?.chunk.toString('latin1')).not.toEqual('from one');
});

tap.test('large reads are owned by who gets them, but for the first', async () => {
  await using pair = await makeSocketPair();
  const { reads, text } = readAll(pair.near);
  const kept: { chunk: Buffer; text: string }[] = [];
  const bytes = Array.from({ length: 40 }, (_, n) => String.fromCharCode(65 + (n % 26)).repeat(50_000)).join('');
  pair.far.write(bytes, 'latin1');
  await waitFor(() => text().length === bytes.length, 'all bytes');
  for (const { owned, chunk, text: was } of reads) if (owned) kept.push({ chunk, text: was });
  expect(text() === bytes).toBeTrue();
  expect(kept.length).toBeGreaterThan(5);
  expect(kept.every(({ chunk, text: was }) => chunk.toString('latin1') === was)).toBeTrue();
});

tap.test('a socket that is paused reads nothing more, and goes on where it stopped', async () => {
  await using pair = await makeSocketPair();
  const { text } = readAll(pair.near);
  pair.far.write('one');
  await waitFor(() => text() === 'one', 'the first bytes');
  pair.near.pause();
  pair.far.write('two');
  await new Promise((resolve) => setTimeout(resolve, 30));
  expect(text()).toEqual('one');
  pair.near.resume();
  await waitFor(() => text() === 'onetwo', 'the rest');
});

tap.test('after a costly read others have their turn before the next', async () => {
  await using pair = await makeSocketPair();
  let turns = 0;
  let over = false;
  const count = (): void => {
    turns++;
    if (!over) setImmediate(count);
  };
  count();
  const reads: number[] = [];
  let bytes = 0;
  const total = 1_000_000;
  new SharedRead(pair.near, (chunk) => {
    reads.push(turns);
    bytes += chunk.length;
    return true;
  });
  pair.far.write(Buffer.alloc(total));
  await until(
    () => bytes === total,
    5_000,
    () => `${total} bytes, has ${bytes}`,
  );
  over = true;
  expect(reads.length).toBeGreaterThan(10);
  expect(new Set(reads).size).toEqual(reads.length);
});

tap.test('the end of the other side is still an end', async () => {
  await using pair = await makeSocketPair();
  const { text } = readAll(pair.near);
  const ended = new Promise((resolve) => pair.near.once('end', resolve));
  pair.far.end('last words');
  await ended;
  expect(text()).toEqual('last words');
});

for (const how of ['data', 'iteration'] as const) {
  tap.test(`a socket that was given back is a stream again, read by ${how}`, async () => {
    await using pair = await makeSocketPair();
    const { text, reading } = readAll(pair.near);
    pair.far.write('before');
    await waitFor(() => text() === 'before', 'the first bytes');
    reading.giveBack();
    const chunks: Buffer[] = [];
    const size = () => chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    if (how === 'data') pair.near.on('data', (chunk) => chunks.push(chunk));
    else void iterate(pair.near, chunks).catch(() => {});
    const bytes = Array.from({ length: 300 }, (_, n) => `${n} `.repeat(200)).join('');
    for (let at = 0; at < bytes.length; at += 3_001) pair.far.write(bytes.slice(at, at + 3_001));
    await waitFor(() => size() === bytes.length, 'all bytes');
    expect(Buffer.concat(chunks).toString('latin1') === bytes).toBeTrue();
    expect(text()).toEqual('before');
  });
}

tap.test('a stream that is given back in a large read has all that comes behind it', async () => {
  await using pair = await makeSocketPair();
  const chunks: Buffer[] = [];
  let isGiven = false;
  const reading = new SharedRead(pair.near, (chunk) => {
    chunks.push(Buffer.from(chunk));
    if (chunk.length < 20_000) return;
    // The next read goes into memory of its own by now.
    reading.giveBack();
    isGiven = true;
    pair.near.on('data', (more) => chunks.push(more));
  });
  const received = () => Buffer.concat(chunks);
  let sent = 'x'.repeat(200_000);
  pair.far.write(sent);
  await waitFor(() => isGiven && received().length === sent.length, 'the first bytes');
  for (let n = 0; n < 20; n++) {
    const piece = `${n} `.repeat(300);
    sent += piece;
    pair.far.write(piece);
    await waitFor(() => received().length === sent.length, 'each piece');
  }
  expect(received().toString('latin1') === sent).toBeTrue();
});

tap.test('a stream that has bytes already is listened to', async () => {
  await using pair = await makeSocketPair();
  pair.far.write('early');
  pair.near.resume().pause();
  await new Promise<void>((resolve) => {
    pair.near.once('readable', resolve);
  });
  const { reads, text } = readAll(pair.near);
  pair.far.write(' late');
  pair.near.resume();
  await waitFor(() => text() === 'early late', 'all bytes');
  expect(reads.every(({ owned }) => owned)).toBeTrue();
});

export default tap.start();
