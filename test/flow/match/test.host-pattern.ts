import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { Minimatch } from 'minimatch';
import { compileHostPattern } from '../../../ts/flow/match/host-pattern.js';
import { leastCpuMs } from '../../helpers/least-cpu.js';
import { rowsOf } from '../../helpers/markdown.js';
import { root } from '../../helpers/source-text.js';
import { expect, numRuns, tap } from '../../helpers/tapbundle.js';

const matching = (pattern: string, hosts: readonly string[]) =>
  hosts.filter((host) => compileHostPattern(pattern).test(host));

const cases: readonly { pattern: string; yes: readonly string[]; no: readonly string[] }[] = [
  { pattern: 'a.com', yes: ['a.com'], no: ['b.com', 'x.a.com', 'a.com.evil', 'aa.com', 'axcom', ''] },
  { pattern: '*.a.com', yes: ['x.a.com', 'x.y.a.com'], no: ['a.com', '.a.com', 'xa.com', 'x.a.com.evil', 'x.b.com'] },
  { pattern: '*.com', yes: ['a.com', 'x.a.com'], no: ['com', 'a.net', 'acom'] },
  { pattern: 'a.*', yes: ['a.com', 'a.co.uk', 'a.b'], no: ['a', 'a.', 'b.a.com', 'ab.com', 'xa.com'] },
  {
    pattern: '*.a.*',
    yes: ['x.a.com', 'x.y.a.co.uk', 'a.a.a'],
    no: ['a.com', 'x.a', 'x.ba.com', 'x.ab.com', '.a.com'],
  },
  {
    pattern: '*.lossless*',
    yes: ['www.lossless.com', 'x.y.lossless-digital.de', 'www.lossless'],
    no: ['lossless.com', 'www.wlossless.com', 'www.loss.less'],
  },
  { pattern: '*', yes: ['a', 'a.com', 'x.y.z.a.com'], no: [''] },
  { pattern: '**', yes: ['a.com'], no: [''] },
  { pattern: 'api*.a.com', yes: ['api.a.com', 'api1.a.com', 'api.x.a.com'], no: ['xapi.a.com', 'api.com'] },
  { pattern: '*api', yes: ['api', 'x.api', 'xapi'], no: ['api.com'] },
  { pattern: 'a.*.c', yes: ['a.b.c', 'a.b.b.c'], no: ['a.c', 'a..c', 'a.b.cc'] },
  { pattern: '*a*b*', yes: ['ab', 'xaxbx', 'ba.b'], no: ['ba', 'a', 'b'] },
  { pattern: 'api-?.a.com', yes: ['api-1.a.com'], no: ['api-.a.com', 'api-12.a.com'] },
  { pattern: '*.eu-[1-3].a.com', yes: ['x.eu-1.a.com', 'x.y.eu-3.a.com'], no: ['x.eu-4.a.com', 'eu-1.a.com'] },
  { pattern: '[!a]?.com', yes: ['bc.com'], no: ['ab.com', 'b.com'] },
  { pattern: '{a,b}.com?', yes: ['{a,b}.coms'], no: ['a.coms', 'b.coms'] },
  { pattern: '!a?', yes: ['!ab'], no: ['bb', 'ab'] },
  { pattern: '+(a)?', yes: ['+(a)b'], no: ['aab'] },
  { pattern: '#a?', yes: ['#ab'], no: ['ab'] },
];

for (const { pattern, yes, no } of cases) {
  tap.test(`${pattern} matches ${yes.join(' ')} and not ${no.map((host) => host || "''").join(' ')}`, async () => {
    expect(matching(pattern, [...yes, ...no])).toEqual([...yes]);
  });
}

tap.test('the documentation tells what patterns match', async () => {
  const rows = rowsOf(await readFile(join(root, 'docs/matching.md'), 'utf8')).filter(([word]) =>
    /^[^/]*[.*]/.test(word ?? ''),
  );
  const hostsIn = (cell = '') => [...cell.matchAll(/`([^`]+)`/g)].map(([, host = '']) => host);
  expect(rows.length).toBeGreaterThan(8);
  for (const [pattern = '', yes, no] of rows) {
    expect(hostsIn(yes).length).toBeGreaterThan(0);
    expect(matching(pattern, [...hostsIn(yes), ...hostsIn(no)])).toEqual(hostsIn(yes));
  }
});

tap.test('patterns order from exact over longer suffix and longer glob to any', async () => {
  const ordered = ['a.com', '*.x.a.com', '*.a.com', '*.com', 'a.b.*', '*.a.*', 'a*', 'a?', '?[ab]', '*'];
  const found = [...ordered].reverse().sort((a, b) => {
    const difference = compileHostPattern(b).specificity - compileHostPattern(a).specificity;
    return difference;
  });
  // `a*` and `a?` have one literal character each, so they stay in the order they were given.
  expect(found).toEqual(['a.com', '*.x.a.com', '*.a.com', '*.com', 'a.b.*', '*.a.*', 'a?', 'a*', '?[ab]', '*']);
  expect(compileHostPattern('*').specificity).toBeGreaterThan(0);
});

tap.test('no pattern matches a host of more than 253 characters', async () => {
  const label = 'a'.repeat(61);
  const longest = `${label}.${label}.${label}.${label}.a.com`;
  expect(longest).toHaveLength(253);
  for (const pattern of ['*', '*.a.com', `${label}.*`, '*a*', '?*', longest]) {
    expect(compileHostPattern(pattern).test(longest)).toBeTrue();
    expect(compileHostPattern(pattern.replace(longest, `a${longest}`)).test(`a${longest}`)).toBeFalse();
  }
});

const alphabet = fc.constantFrom('a', 'b', 'c');
const label = fc.string({ unit: alphabet, minLength: 1, maxLength: 3 });
const host = fc.array(label, { minLength: 1, maxLength: 5 }).map((labels) => labels.join('.'));
const glob = fc.string({ unit: fc.constantFrom('a', 'b', '.', '*', '*'), minLength: 1, maxLength: 8 });

tap.test(
  'star patterns mean what minimatch says, except that a whole-label star takes at least a character',
  async () => {
    let matched = 0;
    const property = fc.property(glob, host, (pattern, name) => {
      // The seams of dots that a host cannot have are where the two differ: `*.a` on `.a`.
      const theirs = new Minimatch(pattern, { dot: true, noglobstar: true, nocomment: true }).match(name);
      const ours = compileHostPattern(pattern).test(name);
      matched += ours ? 1 : 0;
      return ours === theirs;
    });
    fc.assert(property, { seed: 11, numRuns: numRuns(3000) });
    expect(matched).toBeGreaterThan(100);
  },
);

tap.test('hostile hosts take no time, whatever the pattern', async () => {
  const patterns = [
    'a.com',
    '*.a.com',
    'a.*',
    '*.a.*',
    `${'*a'.repeat(40)}b`,
    `${'*a?'.repeat(40)}b`,
    '*[ab]*[bc]*?*c?',
  ];
  const compiled = patterns.map(compileHostPattern);
  const hosts = ['a'.repeat(65_536), '.'.repeat(65_536), 'a.'.repeat(32_768), 'a'.repeat(253), 'a.'.repeat(126)];
  for (const pattern of compiled) pattern.test('a');
  for (const name of hosts) {
    for (const pattern of compiled) {
      expect(leastCpuMs(() => void pattern.test(name))).toBeLessThan(5);
    }
  }
});

export default tap.start();
