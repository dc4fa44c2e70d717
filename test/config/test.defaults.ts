import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { configJsonSchema } from '../../ts/config/json-schema.js';
import '../../ts/config/schema.js';
import { knownOptions } from '../../ts/config/schema-base.js';
import { rowsOf } from '../helpers/markdown.js';
import { root } from '../helpers/source-text.js';
import { expect, tap } from '../helpers/tapbundle.js';

type TNode = { readonly [key: string]: unknown };

const page = await readFile(join(root, 'docs/configuration.md'), 'utf8');
const types = await readFile(join(root, 'ts/config/types.ts'), 'utf8');

/** The heading over the table of each place of the schema. */
const headings: Record<string, string> = {
  options: 'Options',
  timeouts: 'Timeouts',
  defaults: 'Defaults',
  metrics: 'Metrics',
  route: 'Routes',
  match: 'Match',
  'forward action': 'Forward',
  'socket-handler action': 'Socket handler',
  'block action': 'Block',
  target: 'Targets',
  'target match': 'Target match',
  loadBalancing: 'Load balancing',
  healthCheck: 'Health checks',
  passive: 'Ejection',
  tls: 'TLS',
  security: 'Security',
};

const rowsUnder = (heading: string): string[][] =>
  rowsOf(page.split(/^#+ /m).find((part) => part.startsWith(`${heading}\n`)) ?? '');

/** Every object of the schema, by the names of its options: no two places have the same. */
const objects = new Map<string, TNode>();
const collect = (value: unknown): void => {
  if (typeof value !== 'object' || value === null) return;
  const node = value as TNode;
  if (node.type === 'object')
    objects.set(
      Object.keys(node.properties as TNode)
        .sort()
        .join(),
      node,
    );
  Object.values(node).forEach(collect);
};
collect(configJsonSchema());

const shown = (value: unknown): string => {
  if (value === undefined) return '-';
  if (typeof value === 'number') return String(value).replace(/\B(?=(\d{3})+$)/g, ' ');
  return typeof value === 'string' ? `'${value}'` : JSON.stringify(value);
};

tap.test('the tables of the documentation have every option, in the order of the schema', () => {
  expect([...knownOptions.keys()].filter((place) => place !== 'port span').sort()).toEqual(
    Object.keys(headings).sort(),
  );
  const timeouts = knownOptions.get('timeouts') ?? [];
  for (const [place, heading] of Object.entries(headings)) {
    const options = knownOptions.get(place) ?? [];
    // The global timeouts have a table of their own.
    const wanted = place === 'options' ? options.filter((option) => !timeouts.includes(option)) : options;
    expect(rowsUnder(heading).map(([name]) => name)).toEqual(wanted);
  }
});

tap.test('the tables of the documentation have the defaults of the source', () => {
  let compared = 0;
  for (const [place, heading] of Object.entries(headings)) {
    const object = objects.get(
      [...(knownOptions.get(place) ?? [])]
        .filter((name) => name !== 'logger')
        .sort()
        .join(),
    );
    if (object === undefined) continue;
    const properties = object.properties as Record<string, TNode>;
    const required = (object.required ?? []) as string[];
    for (const [name = '', told] of rowsUnder(heading)) {
      const real = required.includes(name) ? 'required' : shown(properties[name]?.default);
      expect([place, name, told]).toEqual([place, name, real]);
      compared++;
    }
  }
  // All but the table of the socket handler, which no file can hold.
  expect(compared).toEqual(Object.values(headings).flatMap(rowsUnder).length - rowsUnder('Socket handler').length);
});

tap.test('every row says what its option means, and the unit of every number of time', () => {
  for (const [name, , unit, meaning = ''] of Object.values(headings).flatMap(rowsUnder)) {
    if (meaning.length < 5 && !/^`'[a-z-]+'`$/.test(meaning)) throw new Error(`${name}: what does it mean?`);
    if (/Timeout$|Time$|Lifetime$|InitialDelay$|^interval$|Ms$/.test(name ?? ''))
      expect([name, unit]).toEqual([name, 'ms']);
  }
});

tap.test('the comments of the types tell the defaults of the source', () => {
  const defaults = new Map<string, Set<string>>();
  for (const { properties } of objects.values()) {
    for (const [name, option] of Object.entries(properties as Record<string, TNode>)) {
      defaults.set(name, (defaults.get(name) ?? new Set()).add(shown(option.default)));
    }
  }
  let compared = 0;
  for (const [, comment = '', name = ''] of types.matchAll(/\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\n {2}(\w+)\?:/g)) {
    const told = /Default(?: is)? (`?'[\w-]+'|\d+ h|\d[\d ]*|true|false)/.exec(comment)?.[1]?.replace('`', '').trim();
    // Compound ones are told in words.
    if (told === undefined || name === 'passive' || name === 'listenAddress') continue;
    // An option that overrides another one of its name has no default itself.
    const real = [...(defaults.get(name) ?? [])].filter((each) => each !== '-');
    expect([name, real]).toEqual([name, [told === '4 h' ? '14 400 000' : told]]);
    compared++;
  }
  expect(compared).toBeGreaterThan(20);
});

export default tap.start();
