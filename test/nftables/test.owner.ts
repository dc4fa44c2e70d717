// Whose table it is: this process, one that is gone, or one that cannot be judged from here.

import { type IOwner, isAlive, lineOf, ownLine, readOwner } from '../../ts/nftables/owner.js';
import { expect, tap } from '../helpers/tapbundle.js';

const own = async (): Promise<IOwner> => {
  const owner = readOwner(await ownLine(4660));
  if (owner === null) throw new Error('our own line is none');
  return owner;
};

tap.test('a line that was written is read again, and fits into a comment of nft', async () => {
  const owner = await own();
  expect([owner.pid, owner.mark]).toEqual([process.pid, 4660]);
  expect(readOwner(lineOf(owner))).toEqual(owner);
  const longest = { pid: 4_194_304, start: '9'.repeat(12), boot: owner.boot, space: '4294967295', mark: 65_535 };
  expect(lineOf(longest).length).toBeLessThan(121);
});

tap.test('what is not exactly such a line belongs to somebody else', async () => {
  const line = await ownLine(1);
  for (const other of [
    '',
    'smartproxy',
    `${line} `,
    ` ${line}`,
    line.replace('pid', 'PID'),
    `${line}\n`,
    'a comment',
  ]) {
    expect(readOwner(other)).toEqual(null);
  }
});

tap.test('this process is alive; one that had its number before, or before the machine started, is not', async () => {
  const owner = await own();
  expect(await isAlive(owner)).toBeTrue();
  expect(await isAlive({ ...owner, start: String(Number(owner.start) - 1) })).toBeFalse();
  expect(await isAlive({ ...owner, boot: '00000000-0000-0000-0000-000000000000' })).toBeFalse();
  expect(await isAlive({ ...owner, pid: 4_194_305 })).toBeFalse();
});

tap.test('a process of another container may be alive for all that can be known', async () => {
  expect(await isAlive({ ...(await own()), pid: 4_194_305, space: '1' })).toBeTrue();
});

export default tap.start();
