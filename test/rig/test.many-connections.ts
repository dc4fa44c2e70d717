// Thousands of connections at a time, in rounds: all are served, and none leaves anything behind. Clients, proxy and
// target are processes of their own, so that the proxy's memory is what is measured.

import { once } from 'node:events';
import net from 'node:net';
import { connectionsWithin, descriptorLimit } from '../../ts/base/descriptor-limit.js';
import { startProxyProcess } from '../helpers/proxy-process.js';
import { startProcess } from '../helpers/rig-process.js';
import { expect, long, tap } from '../helpers/tapbundle.js';

tap.timeout(160_000);

const wanted = long ? 8_000 : 3_000;
/** Connections that are being made at a time. */
const lanes = 200;
const mebi = 2 ** 20;

/** Echoes on two ports: closed connections block a pair of addresses for a minute, and there are 28 000 ports a side. */
const echoCode = `
  const net = require('net');
  const serve = (socket) => void socket.on('error', () => {}).pipe(socket);
  const servers = [1, 2].map(() => net.createServer({ allowHalfOpen: true }, serve).listen(0, '127.0.0.1', 4096));
  Promise.all(servers.map((one) => new Promise((done) => one.on('listening', done)))).then(() =>
    console.log('ports', ...servers.map((one) => one.address().port)));`;

/** Connects, asks, and has the answer. */
function join(port: number, index: number): Promise<net.Socket> {
  const socket = net.connect({ port, host: '127.0.0.1', localAddress: `127.0.0.${10 + (index % 8)}` });
  const question = `I am number ${index}`;
  let answer = '';
  socket.write(question);
  return new Promise((resolve, reject) => {
    socket.on('error', reject).on('close', () => reject(new Error(`number ${index} was closed`)));
    socket.on('data', (chunk) => {
      answer += chunk;
      if (answer === question) resolve(socket);
      else if (!question.startsWith(answer)) reject(new Error(`number ${index} was told ${answer}`));
    });
  });
}

/** `count` connections that have been served and stay. */
async function gather(port: number, count: number): Promise<net.Socket[]> {
  const sockets: net.Socket[] = [];
  let next = 0;
  const lane = async () => {
    while (next < count) sockets.push(await join(port, next++));
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return sockets;
}

async function leave(socket: net.Socket): Promise<void> {
  const closed = once(socket, 'close');
  socket.end();
  await closed;
}

tap.test('many connections at a time are all served, three times over, and cost no memory afterwards', async (t) => {
  // This process holds one descriptor for each, the proxy two.
  const count = Math.min(wanted, Math.floor(0.95 * connectionsWithin(await descriptorLimit())));
  if (count < wanted) t.diagnostic(`only ${count} connections: the descriptor limit allows no more`);
  await using origin = await startProcess(process.execPath, ['-e', echoCode], { ready: /ports \d+ \d+\n/ });
  const targets = [...origin.output().matchAll(/\d+/g)].map(([port]) => ({ host: '127.0.0.1', port: Number(port) }));
  await using proxy = await startProxyProcess({
    routes: [{ name: 'many', match: { ports: 0 }, action: { type: 'forward', targets } }],
  });
  const begin = await proxy.state();
  const rounds: { readonly memoryBytes: number; readonly heapBytes: number; readonly mostBytes: number }[] = [];
  for (let round = 0; round < 3; round++) {
    const sockets = await gather(proxy.port, count);
    expect(sockets).toHaveLength(count);
    const full = await proxy.state();
    expect(full.live).toEqual(count);
    await Promise.all(sockets.map(leave));
    let state = await proxy.state();
    for (let tries = 0; tries < 50 && state.live > 0; tries++) state = await proxy.state();
    expect(state.live).toEqual(0);
    rounds.push({ ...state, mostBytes: Math.max(full.memoryBytes, state.memoryBytes) });
    const each = Math.round((full.memoryBytes - begin.memoryBytes) / count);
    const sizes = [begin, full, state].map(({ memoryBytes, heapBytes }) =>
      [memoryBytes, heapBytes].map((bytes) => (bytes / mebi).toFixed(1)).join('/'),
    );
    t.diagnostic(`round ${round + 1}: MiB in all/heap at first, full, after: ${sizes.join(' ')}; ${each} B each`);
  }
  const [first, ...later] = rounds;
  // After a collection V8 gives pages back when it sees fit, so the end of a round alone may read low by a fifth.
  for (const { memoryBytes } of later) {
    expect(memoryBytes).toBeLessThan((first?.mostBytes ?? 0) * 1.05 + 8 * mebi);
  }
  for (const { heapBytes } of rounds) expect(heapBytes).toBeLessThan(begin.heapBytes * 1.1 + 2 * mebi);
  const { ends } = await proxy.state();
  expect(ends.client_closed).toEqual(3 * count);
});

export default tap.start();
