import { spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { type IHolder, isDead, thisHolder } from '../../../ts/certs/store/holder.js';
import { expect, tap } from '../../helpers/tapbundle.js';

async function ourselves(): Promise<IHolder> {
  const self = await thisHolder();
  if (self === null) throw new Error('this system does not tell of its processes');
  return self;
}

/** A process that is there, by the start that the system tells. */
async function holderOf(pid: number): Promise<IHolder> {
  const stat = await fs.promises.readFile(`/proc/${pid}/stat`, 'utf8');
  return { ...(await ourselves()), pid, startedAt: stat.split(') ')[1]?.split(' ')[19] ?? '' };
}

tap.test('a process that runs is not dead, one that is gone or was another is', async () => {
  const self = await ourselves();
  expect(self.pid).toEqual(process.pid);
  expect(await isDead(self, self)).toBeFalse();
  expect(await isDead({ ...self, startedAt: '1' }, self)).toBeTrue();

  const child = spawn('sleep', ['60']);
  await once(child, 'spawn');
  const holder = await holderOf(child.pid ?? 0);
  expect(await isDead(holder, self)).toBeFalse();
  child.kill('SIGSTOP');
  expect(await isDead(holder, self)).toBeFalse();
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(await isDead(holder, self)).toBeTrue();
});

tap.test('the name of a program does not mislead', async () => {
  const self = await ourselves();
  const shell = `printf ') Z 1 (' > /proc/self/comm; echo ready; read line`;
  const child = spawn('bash', ['-c', shell], { stdio: ['pipe', 'pipe', 'ignore'] });
  await once(child.stdout, 'data');
  const stat = await fs.promises.readFile(`/proc/${child.pid}/stat`, 'utf8');
  expect(stat).toContain('() Z 1 () ');
  const startedAt = stat.slice(stat.lastIndexOf(') ') + 2).split(' ')[19] ?? '';
  expect(await isDead({ ...self, pid: child.pid ?? 0, startedAt }, self)).toBeFalse();
  child.kill('SIGKILL');
  await once(child, 'exit');
});

tap.test('what is left of a dead process, not yet collected, is dead', async () => {
  // The shell becomes a sleep that never collects the child it had.
  const child = spawn('bash', ['-c', 'sleep 0.01 & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'ignore'] });
  const [text] = await once(child.stdout, 'data');
  const pid = Number(String(text));
  const self = await ourselves();
  const stateOf = async () => (await fs.promises.readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.[0];
  const holder = await holderOf(pid);
  while ((await stateOf()) !== 'Z') await new Promise((resolve) => setTimeout(resolve, 2));
  expect(await isDead(holder, self)).toBeTrue();
  child.kill('SIGKILL');
  await once(child, 'exit');
});

tap.test('of processes elsewhere nothing is known', async () => {
  const self = await ourselves();
  const gone = { ...self, pid: 2 ** 22 + 1 };
  expect(await isDead(gone, self)).toBeTrue();
  expect(await isDead({ ...gone, boot: 'another' }, self)).toBeFalse();
  expect(await isDead({ ...gone, pidSpace: 'pid:[1]' }, self)).toBeFalse();
});

tap.test('where processes of others are hidden, none is taken for dead', async (t) => {
  const self = await ourselves();
  t.mock.method(fs.promises, 'readFile', () => Promise.reject(Object.assign(new Error('hidden'), { code: 'ENOENT' })));
  expect(await isDead({ ...self, pid: 2 ** 22 + 1 }, self)).toBeFalse();
  expect(await thisHolder()).toEqual(null);
});

export default tap.start();
