// A port on loopback that neither accepts nor refuses: a listener that was stopped, with its queue full.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { startProcess } from './rig-process.js';

export interface IBlackhole extends AsyncDisposable {
  readonly port: number;
}

/** How long a connection on loopback may take before the queue counts as full. */
const patienceMs = 150;

export async function startBlackhole(): Promise<IBlackhole> {
  const code =
    "const s = require('net').createServer().listen(0, '127.0.0.1', 1, () => console.log('port', s.address().port))";
  const listener = await startProcess(process.execPath, ['-e', code], { ready: /port \d+\n/ });
  const port = Number(/port (\d+)/.exec(listener.output())?.[1]);
  listener.signal('SIGSTOP');
  const fillers: Socket[] = [];
  const dispose = async () => {
    for (const filler of fillers) filler.destroy();
    await listener[Symbol.asyncDispose]();
  };
  // Linux queues one connection more than the backlog says, sometimes two.
  for (let i = 0; i < 8; i++) {
    const filler = connect(port, '127.0.0.1');
    fillers.push(filler);
    if (!(await connects(filler))) return { port, [Symbol.asyncDispose]: dispose };
  }
  await dispose();
  throw new Error('the queue of a stopped listener does not fill up on this system');
}

async function connects(socket: Socket): Promise<boolean> {
  // A listener that is killed at the end resets what it had queued.
  socket.on('error', () => {});
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(patienceMs) });
    return true;
  } catch {
    return false;
  }
}
