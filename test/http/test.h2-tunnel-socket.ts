// A stream with a socket's manners, over a stream that a test plays.

import { h2Error } from '../../ts/codec/http2-frame.js';
import { H2TunnelSocket } from '../../ts/http/h2-tunnel-socket.js';
import type { IH2Stream } from '../../ts/http/h2-types.js';
import { makeFakeClock } from '../helpers/fake-clock.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';

class FakeStream implements IH2Stream {
  readonly overtaken = 0;
  readonly id = 1;
  readonly received = 0;
  readonly calls: string[] = [];
  hasRoom = true;
  waitingBytes = 0;
  sendHeaders(): void {}
  sendData(chunk: Uint8Array): boolean {
    this.calls.push(`data ${Buffer.from(chunk).toString()}`);
    return this.hasRoom;
  }
  sendEnd(): void {
    this.calls.push('end');
  }
  reset(code: number): void {
    this.calls.push(`reset ${code}`);
  }
  hold(): void {
    this.calls.push('hold');
  }
  pull(): void {
    this.calls.push('pull');
  }
}

function makeSocket() {
  const stream = new FakeStream();
  const clock = makeFakeClock();
  const socket = new H2TunnelSocket({ stream, clock, remoteAddress: '10.0.0.1', remotePort: 5 });
  const heard: string[] = [];
  socket.on('end', () => heard.push('end'));
  socket.on('close', () => heard.push('close'));
  socket.on('error', ({ code }: NodeJS.ErrnoException) => heard.push(code ?? ''));
  return { stream, clock, socket, heard };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

tap.test('bytes go both ways and are counted; it is asked for more only where somebody reads', async () => {
  const { stream, socket, heard } = makeSocket();
  expect([socket.remoteAddress, socket.remotePort]).toEqual(['10.0.0.1', 5]);
  await turn();
  expect(stream.calls).toEqual([]);
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk;
  });
  await turn();
  expect(stream.calls).toEqual(['pull']);
  socket.h2Data(Buffer.from('hello'));
  socket.write('you');
  expect([text, stream.calls.at(-1), socket.bytesRead, socket.bytesWritten]).toEqual(['hello', 'data you', 5, 3]);
  socket.h2End();
  await turn();
  expect(heard).toEqual(['end']);
  socket.end();
  await turn();
  expect(stream.calls.slice(2)).toEqual(['end', 'reset 0']);
  expect(heard).toEqual(['end', 'close']);
});

tap.test('a reader that stops holds the stream, a stream that is full holds the writer', async () => {
  const { stream, socket } = makeSocket();
  socket.on('data', () => {});
  await turn();
  socket.pause();
  for (let sent = 0; !stream.calls.includes('hold'); sent++) {
    if (sent > 100) throw new Error('it was never held');
    socket.h2Data(Buffer.alloc(8_192));
  }
  stream.calls.length = 0;
  socket.resume();
  await turn();
  expect(stream.calls).toEqual(['pull']);
  stream.calls.length = 0;
  stream.hasRoom = false;
  socket.write('a');
  socket.write('b');
  stream.waitingBytes = 7;
  expect([stream.calls, socket.writableLength, socket._handle.writeQueueSize]).toEqual([['data a'], 2, 7]);
  stream.hasRoom = true;
  socket.h2Drained();
  await turn();
  expect([stream.calls, socket.writableLength]).toEqual([['data a', 'data b'], 0]);
});

tap.test('a reset of the peer is that of a socket, an end without a fault is a close', async () => {
  for (const [code, told] of [
    [h2Error.cancel, ['ECONNRESET', 'close']],
    [h2Error.noError, ['close']],
  ] as const) {
    const { socket, heard, stream } = makeSocket();
    socket.h2Closed(code);
    socket.h2Data(Buffer.from('late'));
    socket.h2End();
    await until(
      () => heard.includes('close'),
      5_000,
      () => 'its close',
    );
    expect([heard, socket.bytesRead, stream.calls.at(-1)]).toEqual([told, 0, 'reset 8']);
  }
});

tap.test('ended abruptly it cancels its stream, and says so once', async () => {
  const { stream, socket, heard } = makeSocket();
  socket.resetAndDestroy();
  await turn();
  expect([stream.calls[0], heard]).toEqual([`reset ${h2Error.cancel}`, ['close']]);
  const other = makeSocket();
  other.socket.destroy();
  await turn();
  expect([other.stream.calls, other.heard]).toEqual([[`reset ${h2Error.cancel}`], ['close']]);
});

tap.test('what was sent before its end is still taken, but not waited for without end', async () => {
  const { stream, socket, clock } = makeSocket();
  stream.waitingBytes = 100;
  socket.end('last words');
  await turn();
  socket.destroy();
  await turn();
  expect(stream.calls).toEqual(['data last words', 'end', `reset ${h2Error.noError}`]);
  clock.advance(9_999);
  expect(stream.calls.length).toEqual(3);
  clock.advance(1);
  expect(stream.calls.at(-1)).toEqual(`reset ${h2Error.cancel}`);
  const other = makeSocket();
  other.stream.waitingBytes = 100;
  other.socket.end('last words');
  await turn();
  other.socket.destroy();
  await turn();
  other.socket.over();
  other.clock.advance(60_000);
  expect(other.stream.calls.length).toEqual(3);
});

export default tap.start();
