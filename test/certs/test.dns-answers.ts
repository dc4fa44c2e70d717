// TXT records by a hook, by a command and by the operator.

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { silentLogger } from '../../ts/base/logger.js';
import { DnsAnswers } from '../../ts/certs/dns-answers.js';
import type { IChallengeToShow } from '../../ts/certs/manager/manager-types.js';
import type { IResolvedDns } from '../../ts/config/resolved.js';
import { makeAcme } from '../helpers/certificate-world.js';
import { makeFakeClock } from '../helpers/fake-clock.js';
import { makeFolder } from '../helpers/make-folder.js';
import { expect, tap } from '../helpers/tapbundle.js';

const never = new AbortController().signal;

const challenge = (dns: IResolvedDns | null, some: Partial<IChallengeToShow> = {}): IChallengeToShow => ({
  ...{ kind: 'dns-01', name: 'a.test', token: 't', keyAuthorization: 't.k', dnsValue: '-value_1' },
  acme: makeAcme({ dns }),
  ...some,
});

const hookOf = (said: string[], propagationDelayMs = 0): IResolvedDns => ({
  hook: {
    set: ({ name, value }) => void said.push(`set ${name} ${value}`),
    remove: async ({ name, value }) => void said.push(`remove ${name} ${value}`),
  },
  command: null,
  propagationDelayMs,
});

const commandOf = (...command: string[]): IResolvedDns => ({ hook: null, command, propagationDelayMs: 0 });

function makeAnswers() {
  const clock = makeFakeClock();
  const told: object[] = [];
  const logger = { ...silentLogger, info: (facts: object) => void told.push(facts) };
  return { clock, told, answers: new DnsAnswers({ clock, logger }) };
}

tap.test('a hook sets and removes the record of a name, and of what stands above a wildcard', async () => {
  const { answers } = makeAnswers();
  const said: string[] = [];
  const asked = challenge(hookOf(said));
  await answers.record.present(asked, never);
  await answers.record.cleanup(asked);
  expect(said).toEqual(['set _acme-challenge.a.test -value_1', 'remove _acme-challenge.a.test -value_1']);
});

tap.test('the authority is told after the delay, and not at all once the order has ended', async () => {
  const { answers, clock } = makeAnswers();
  const said: string[] = [];
  let isThere = false;
  const present = answers.record.present(challenge(hookOf(said, 60_000)), never).then(() => {
    isThere = true;
  });
  await clock.advanceAsync(59_999);
  expect([said.length, isThere]).toEqual([1, false]);
  await clock.advanceAsync(1);
  await present;
  const ending = new AbortController();
  const ended = answers.record.present(challenge(hookOf(said, 60_000)), ending.signal);
  await clock.advanceAsync(1_000);
  ending.abort(new Error('over'));
  await expect(ended).rejects.toThrow(/over/);
  const late = AbortSignal.abort(new Error('before it began'));
  await expect(answers.record.present(challenge(hookOf(said, 1)), late)).rejects.toThrow(/before it began/);
});

tap.test('what a hook throws fails the challenge', async () => {
  const { answers } = makeAnswers();
  const broken: IResolvedDns = {
    ...hookOf([]),
    hook: {
      set: () => {
        throw new Error('no such zone');
      },
      remove: () => Promise.reject(new Error('gone')),
    },
  };
  await expect(answers.record.present(challenge(broken), never)).rejects.toThrow(/no such zone/);
  await expect(answers.record.cleanup(challenge(broken))).rejects.toThrow(/gone/);
  await expect(answers.record.present(challenge(null), never)).rejects.toThrow(/acme\.dns/);
});

tap.test('a command gets verb, name and value as they are, whatever a name looks like: there is no shell', async () => {
  await using folder = await makeFolder();
  const { answers } = makeAnswers();
  const file = join(folder.path, 'said');
  const script = join(folder.path, 'dns.mjs');
  await writeFile(
    script,
    "import { appendFileSync } from 'node:fs'; appendFileSync(process.argv[2], JSON.stringify(process.argv.slice(3)) + '\\n');",
  );
  const dns = commandOf(process.execPath, script, file);
  const names = ['a.test', '$(touch x).test', '`id`;.test', "';--rm *", '-rf', 'a\nb', '%2e%2e'];
  for (const name of names) await answers.record.present(challenge(dns, { name }), never);
  await answers.record.cleanup(challenge(dns));
  const lines = (await readFile(file, 'utf8')).trim().split('\n');
  const want = names.map((name) => ['set', `_acme-challenge.${name}`, '-value_1']);
  expect(lines.map((line) => JSON.parse(line))).toEqual([...want, ['remove', '_acme-challenge.a.test', '-value_1']]);
});

tap.test('a command that fails, or is not there, fails the challenge with its last words', async () => {
  const { answers } = makeAnswers();
  const node = (code: string) => challenge(commandOf(process.execPath, '-e', code));
  const fails = node("console.error('first line\\nno such zone'); process.exit(3)");
  await expect(answers.record.present(fails, never)).rejects.toThrow(/: no such zone$/);
  await expect(answers.record.present(node('process.exit(1)'), never)).rejects.toThrow(/Command failed/);
  await expect(answers.record.present(node("process.kill(process.pid, 'SIGKILL')"), never)).rejects.toThrow();
  await expect(answers.record.present(challenge(commandOf('/no/such/program')), never)).rejects.toThrow(/ENOENT/);
});

tap.test('a command that does not end is killed with its order, even if it wants to live on', async () => {
  const { answers } = makeAnswers();
  await using folder = await makeFolder();
  const file = join(folder.path, 'pid');
  const stubborn = `process.on('SIGTERM', () => {}); require('fs').writeFileSync(${JSON.stringify(file)}, String(process.pid)); setInterval(() => {}, 1000)`;
  const ending = new AbortController();
  const shown = answers.record.present(challenge(commandOf(process.execPath, '-e', stubborn)), ending.signal);
  const settled = shown.then(
    () => 'done',
    () => 'ended',
  );
  let pid = 0;
  while (pid === 0) {
    pid = Number(await readFile(file, 'utf8').catch(() => '0'));
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  ending.abort(new Error('over'));
  expect(await settled).toEqual('ended');
  const lives = () => {
    try {
      process.kill(pid, 0);
      return true;
    } catch {
      return false;
    }
  };
  while (lives()) await new Promise((resolve) => setTimeout(resolve, 10));
});

tap.test('a record that stays is told to the operator, once', async () => {
  const { answers, told } = makeAnswers();
  const asked = challenge(null, { kind: 'dns-persist-01', dnsValue: 'ca.test; accounturi=https://ca.test/1' });
  await answers.persistent.present(asked, never);
  await answers.persistent.present(asked, never);
  await answers.persistent.cleanup(asked);
  expect(told).toEqual([
    { record: { name: '_validation-persist.a.test', value: 'ca.test; accounturi=https://ca.test/1' } },
  ]);
});

export default tap.start();
