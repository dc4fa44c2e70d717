// Mistakes that answers show: to other spellings of a path, to what was smuggled, to innocent requests of others.

import { type IAttackOptions, type IAttackReport, runAttacks, startAttackOrigin } from '../../ts/attack.js';
import { startNodeProxy } from '../helpers/naive-proxies.js';
import { expect, tap } from '../helpers/tapbundle.js';

/** What waits for it here gets no answer at all. */
const caseMs = 400;
const host = 'a.test';

const namesOf = ({ findings }: IAttackReport): string[] => findings.map(({ name }) => name);
const whyOf = ({ findings }: IAttackReport, name: string): string =>
  findings.find((finding) => finding.name === name)?.why ?? 'no finding';

tap.test('one that matches paths as they came is found by other spellings, with and without its target', async () => {
  await using origin = await startAttackOrigin();
  await using proxy = await startNodeProxy(origin.port, ({ url }, passed) =>
    url?.startsWith('/admin') ? 403 : passed,
  );
  const given: IAttackOptions = { target: proxy, host, families: ['path'], caseMs, protectedPaths: ['/admin/secret'] };
  const seen = await runAttacks({ ...given, origin });
  expect(whyOf(seen, '/%61dmin/secret (a letter encoded)')).toMatch(
    /as \/%61dmin\/secret, which can be read as \/admin\/secret/,
  );
  for (const spelling of ['/x/../admin/secret', '/x/..%2fadmin/secret', '/;/admin/secret', '/%2561dmin/secret']) {
    if (!namesOf(seen).some((name) => name.startsWith(`${spelling} `))) throw new Error(`${spelling} is not found`);
  }
  // Whoever asks this target for anything gets the same: no spelling stands out.
  expect((await runAttacks(given)).counts.finding).toEqual(0);
});

tap.test('one whose target tells what it was told is found from outside', async () => {
  await using proxy = await startNodeProxy(0, () => 204);
  const quiet = await runAttacks({ target: proxy, host, families: ['trust', 'path'], caseMs });
  expect(quiet.counts.finding).toEqual(0);
  expect(quiet.counts.harmless).toEqual(quiet.results.length);
  await using echoed = await startNodeProxy(proxy.port, (request, passed) => {
    // As a redirect would be made by an application that believes it.
    return { ...passed, host: '127.0.0.1', headers: { ...passed.headers, host: String(request.headers.host) } };
  });
  const report = await runAttacks({ target: echoed, host, families: ['framing'], caseMs });
  expect(namesOf(report)).toContain('HTTP/1.0 with a coding');
  expect(whyOf(report, 'HTTP/1.0 with a coding')).toMatch(/^2 answers came to one request/);
});

tap.test('one that mixes answers up is found by the innocent request behind each attack', async () => {
  await using origin = await startAttackOrigin();
  let count = 0;
  // From some request on, everybody gets what somebody else asked for.
  await using proxy = await startNodeProxy(origin.port, (request, passed) => {
    const canary = request.headers['x-canary'];
    count++;
    return {
      ...passed,
      headers: { host, ...(canary === undefined ? {} : { 'x-canary': count > 4 ? 'other' : canary }) },
    };
  });
  const report = await runAttacks({ target: proxy, origin, host, families: ['upgrade'], caseMs });
  expect(report.findings.at(-1)?.why).toMatch(
    /^the innocent request behind it got another answer: "the answer to other"$/,
  );
});

tap.test('one that dies is found by it', async () => {
  await using origin = await startAttackOrigin();
  const proxy = await startNodeProxy(origin.port, ({ headers }, passed) => {
    // As an exception would do that nobody catches.
    if (headers.upgrade !== undefined) void proxy[Symbol.asyncDispose]();
    return passed;
  });
  const report = await runAttacks({ target: proxy, origin, host, families: ['upgrade'], caseMs });
  expect(report.findings[0]?.why).toMatch(/^the innocent request behind it was not answered: connect ECONNREFUSED/);
  expect(report.counts.finding).toEqual(3);
  expect(report.counts.skipped).toEqual(report.results.length - 3);
});

export default tap.start();
