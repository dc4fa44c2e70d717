// Proxies with a mistake each: the attacks that find it name it, and what they do right is no finding.

import { formatAttackReport, type IAttackReport, runAttacks, startAttackOrigin } from '../../ts/attack.js';
import { startJoiningProxy, startNodeProxy } from '../helpers/naive-proxies.js';
import { expect, tap } from '../helpers/tapbundle.js';

/** What waits for it here gets no answer at all. */
const caseMs = 400;
const host = 'a.test';

const namesOf = ({ findings }: IAttackReport): string[] => findings.map(({ name }) => name);
const whyOf = ({ findings }: IAttackReport, name: string): string =>
  findings.find((finding) => finding.name === name)?.why ?? 'no finding';

tap.test(
  'a proxy of Node’s modules passes on what it is told: hosts, addresses, upgrades, hops, underscores',
  async () => {
    await using origin = await startAttackOrigin();
    await using proxy = await startNodeProxy(origin.port);
    const families = ['framing', 'authority', 'trust', 'upgrade'] as const;
    const report = await runAttacks({ target: proxy, origin, host, families, caseMs });
    expect(whyOf(report, 'Content_Length')).toEqual('content_length reached the target');
    expect(whyOf(report, 'HTTP/1.0 with a coding')).toMatch(
      /^a request reached the target that nobody made: GET \/\?smuggled$/,
    );
    expect(whyOf(report, 'Host with user information')).toMatch(/readers take differently: \(Host\)/);
    expect(whyOf(report, 'two Hosts')).toEqual('it reached the target as GET /');
    expect(whyOf(report, 'X-Forwarded-For: 203.0.113.66')).toEqual('the target was told x-forwarded-for: 203.0.113.66');
    expect(whyOf(report, 'X_Forwarded_For: 203.0.113.66')).toEqual('the target was told x_forwarded_for: 203.0.113.66');
    expect(whyOf(report, 'a field that Connection names')).toEqual('x-hop reached the target');
    expect(whyOf(report, 'h2c')).toEqual('upgrade reached the target');
    const right = ['CL.TE', 'TE.CL', 'TE.TE: xchunked', 'CL.CL: two that differ', 'no Host', 'CONNECT', 'TE.0: DELETE'];
    expect(namesOf(report).filter((name) => right.includes(name))).toEqual([]);
    const text = formatAttackReport(report);
    expect(text).toContain('FINDING upgrade: h2c (HTTP/1.1)\n  about      h2c smuggling');
    expect(text).toContain('  change     Drop or refuse fields whose names have underscores.');
  },
);

tap.test('one that continues X-Forwarded-For of strangers, and drops all else, is found by that alone', async () => {
  await using origin = await startAttackOrigin();
  await using proxy = await startNodeProxy(origin.port, ({ headers, socket }, passed) => {
    const chain = [headers['x-forwarded-for'], socket.remoteAddress].filter((each) => each !== undefined).join(', ');
    return { ...passed, headers: { host: headers.host, 'x-forwarded-for': chain, 'x-canary': headers['x-canary'] } };
  });
  const report = await runAttacks({ target: proxy, origin, host, families: ['trust'], caseMs });
  const [first, ...others] = new Set(namesOf(report).filter((name) => !/^Connection: (?:Cookie|Forwarded)/.test(name)));
  expect(first).toEqual('X-Forwarded-For: 203.0.113.66');
  expect(others.filter((name) => !/^x-forwarded-for/i.test(name))).toEqual([]);
  const trusted = await runAttacks({ target: proxy, origin, host, families: ['trust'], caseMs, trusted: true });
  expect(trusted.counts.finding).toEqual(0);
});

tap.test('one that takes Content-Length and passes on Transfer-Encoding is found by every framing attack', async () => {
  await using origin = await startAttackOrigin();
  await using proxy = await startJoiningProxy(origin.port);
  const report = await runAttacks({ target: proxy, origin, host, families: ['framing'], caseMs });
  expect(whyOf(report, 'CL.TE')).toMatch(/^the target got what readers take differently: \(Transfer-Encoding\) POST/);
  expect(whyOf(report, 'TE.CL')).toMatch(/readers take differently/);
  expect(whyOf(report, 'CL: "+5"')).toMatch(/\(Content-Length\)/);
  expect(report.counts.finding).toBeGreaterThan(35);
});

export default tap.start();
