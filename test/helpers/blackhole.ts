// A target that never answers: its host drops every attempt to connect.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';

export interface IBlackhole extends AsyncDisposable {
  /** On 127.0.0.1. */
  readonly port: number;
}

const listening = `
  const server = require('node:net').createServer();
  server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => console.log(server.address().port));
`;

/** A process that listens with a backlog of one and is stopped; its queue is filled, so the kernel ignores more. */
export async function startBlackhole(): Promise<IBlackhole> {
  const child = spawn(process.execPath, ['-e', listening], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const port = Number(line.toString());
  child.kill('SIGSTOP');
  const fillers: net.Socket[] = [];
  try {
    while (await connects(port, fillers));
  } catch (error) {
    await end(child, fillers);
    throw error;
  }
  return { port, [Symbol.asyncDispose]: () => end(child, fillers) };
}

/** False where the attempt got no answer. */
async function connects(port: number, fillers: net.Socket[]): Promise<boolean> {
  if (fillers.length > 16) throw new Error('the stopped process still accepts');
  const socket = net.connect({ port, host: '127.0.0.1' });
  fillers.push(socket);
  socket.on('error', () => {});
  return await new Promise((resolve) => {
    // A late machine finds the timer due and the connection made at once: timers are looked at first.
    const timer = setTimeout(() => setImmediate(() => resolve(false)), 150);
    socket.once('connect', () => {
      clearTimeout(timer);
      resolve(true);
    });
  });
}

async function end(child: ChildProcess, fillers: net.Socket[]): Promise<void> {
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  child.kill('SIGCONT');
  for (const socket of fillers) socket.destroy();
  await exited;
}
