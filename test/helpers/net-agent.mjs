// Runs in a network namespace and does there what a test asks for: clients and origins of TCP and UDP.

import { createHash, randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';

const held = [];
const streams = new Map();
let served = {};

/** Each connection or datagram is answered by who answers, to whom, and on which port; what comes after is sent back. */
async function serve({ name, ports }) {
  await Promise.all(
    ports.map(async (port) => {
      const server = createServer({ noDelay: true }, (socket) => {
        served[port] = (served[port] ?? 0) + 1;
        socket.on('error', () => {});
        socket.write(`${name} ${plain(socket.remoteAddress)} ${socket.localPort}\n`);
        socket.pipe(socket);
      });
      server.listen(port, '::');
      await once(server, 'listening');
      const udp = createSocket({ type: 'udp6', recvBufferSize: 1 << 22 });
      udp.on('message', (_, { address, port: to }) => {
        served[`udp ${port}`] = (served[`udp ${port}`] ?? 0) + 1;
        udp.send(`${name} ${plain(address)} ${port}\n`, to, address, () => {});
      });
      udp.bind(port, '::');
      await once(udp, 'listening');
    }),
  );
}

const plain = (address = '') => address.replace(/^::ffff:/, '');

/** How often each port was reached since the last time. */
function reached() {
  const counts = served;
  served = {};
  return counts;
}

function open({ host, port, localAddress, withinMs = 5000 }) {
  return new Promise((resolve) => {
    const socket = connect({ host, port, ...(localAddress ? { localAddress } : {}) });
    const timer = setTimeout(() => finish('timeout'), withinMs);
    const finish = (answer) => {
      clearTimeout(timer);
      resolve({ socket, answer });
    };
    let text = '';
    socket.on('error', (error) => finish(error.code));
    socket.on('close', () => finish('closed'));
    socket.on('data', (chunk) => {
      text += chunk;
      if (text.includes('\n')) finish(text.trim());
    });
  });
}

async function ask(wish) {
  if (wish.transport === 'udp') return await askUdp(wish);
  const { socket, answer } = await open(wish);
  socket.destroy();
  return answer;
}

function askUdp({ host, port, localAddress, withinMs = 3000 }) {
  return new Promise((resolve) => {
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
    const timer = setTimeout(() => finish('timeout'), withinMs);
    const finish = (answer) => {
      clearTimeout(timer);
      socket.close();
      resolve(answer);
    };
    socket.on('message', (text) => finish(String(text).trim()));
    socket.on('error', (error) => finish(error.code));
    const send = () => socket.send('?', port, host, (error) => error && finish(error.code));
    if (localAddress) socket.bind(0, localAddress, send);
    else send();
  });
}

async function askMany({ wishes }) {
  return await Promise.all(wishes.map(ask));
}

/** Connections that stay; gives what each was answered. */
async function hold({ count, ...wish }) {
  const answers = [];
  for (let i = 0; i < count; i++) {
    const { socket, answer } = await open(wish);
    held.push(socket);
    answers.push(answer);
  }
  return answers;
}

async function release() {
  await Promise.all(
    held.splice(0).map((socket) => {
      if (socket.destroyed) return undefined;
      socket.end();
      socket.resume();
      return once(socket, 'close').catch(() => {});
    }),
  );
}

/** So many datagrams of this size, at a pace that no buffer overflows at. */
async function send({ host, port, count, size }) {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  socket.on('error', () => {});
  let answers = 0;
  socket.on('message', () => answers++);
  const bytes = Buffer.alloc(size);
  for (let i = 0; i < count; i++) {
    await new Promise((resolve) => socket.send(bytes, port, host, resolve));
    if (i % 20 === 19) await sleep(2);
  }
  for (let i = 0; i < 100 && answers < count; i++) await sleep(20);
  socket.close();
  return answers;
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Short connections, one after the other, until `stopChurn`: how often each answer came. */
const churning = new Map();
function churn({ name, ...wish }) {
  const counts = {};
  const state = { stop: false };
  const run = async () => {
    while (!state.stop) {
      const answer = await ask(wish);
      counts[answer] = (counts[answer] ?? 0) + 1;
    }
    return counts;
  };
  churning.set(name, { state, done: run() });
}

async function stopChurn({ name }) {
  const { state, done } = churning.get(name);
  state.stop = true;
  return await done;
}

/** A connection on which bytes go out and must come back the same, until `stopStream` gives how many did. */
async function stream({ name, ...wish }) {
  const { socket, answer } = await open(wish);
  const [sent, got] = [createHash('sha256'), createHash('sha256')];
  const state = { answer, bytes: 0, back: 0, error: null, stop: false };
  socket.on('error', (error) => (state.error = error.code));
  socket.on('data', (chunk) => {
    got.update(chunk);
    state.back += chunk.length;
  });
  const run = async () => {
    while (!state.stop && state.error === null) {
      const chunk = randomBytes(2000);
      sent.update(chunk);
      state.bytes += chunk.length;
      socket.write(chunk);
      await sleep(5);
    }
    for (let i = 0; i < 500 && state.back < state.bytes && state.error === null; i++) await sleep(10);
    socket.destroy();
    return { ...state, same: sent.digest('hex') === got.digest('hex') };
  };
  streams.set(name, { state, done: run() });
  return answer;
}

async function stopStream({ name }) {
  const { state, done } = streams.get(name);
  state.stop = true;
  return await done;
}

const operations = { serve, reached, ask, askMany, hold, release, send, churn, stopChurn, stream, stopStream };

process.on('message', async ({ id, operation, wish }) => {
  try {
    process.send({ id, result: await operations[operation](wish) });
  } catch (error) {
    process.send({ id, error: error.stack });
  }
});
process.on('disconnect', () => process.exit());
process.send({ id: 0 });
