// docs/security.md says which test shows each promise: each of those tests is there, in that file, under that title.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { rowsOf } from './helpers/markdown.js';
import { readTree, root, type TTree } from './helpers/source-text.js';
import { expect, tap } from './helpers/tapbundle.js';

const page = await readFile(join(root, 'docs/security.md'), 'utf8');
const sources = await readTree(['test'], ['.ts']);

tap.test('every promise names tests that exist', async () => {
  const promises = promisesOf(page);
  expect(promises.length).toBeGreaterThan(60);
  expect(promises.flatMap(({ id, tests }) => (tests.length === 0 ? [`${id}: no test`] : []))).toEqual([]);
  expect(missing(page, sources)).toEqual([]);
});

tap.test('its defaults are those of the configuration', async () => {
  const options = await readFile(join(root, 'docs/configuration.md'), 'utf8');
  const defaults = new Map(rowsOf(options).map(([name = '', value = '']) => [name, value.replaceAll(' ', '')]));
  const [, section = ''] = page.split('## Defaults');
  const rows = section.split('\n## ')[0]?.match(/^\| (?!default|-).*$/gm) ?? [];
  // Names in a row before a number have all this default.
  const stated = rows.flatMap((row) => {
    const [, first = ''] = row.split('|');
    return [...first.matchAll(/((?:`\w+`,? )+)(\d+(?: \d{3})*)(?: (s|h)\b)?/g)].flatMap(
      ([, names = '', number = '', unit]) => {
        const value = Number(number.replaceAll(' ', '')) * (unit === 's' ? 1_000 : unit === 'h' ? 3_600_000 : 1);
        return [...names.matchAll(/\w+/g)].map(([name]) => [name, String(value)]);
      },
    );
  });
  expect(stated.length).toBeGreaterThan(8);
  expect(stated).toEqual(stated.map(([name = '']) => [name, defaults.get(name)]));
});

tap.test('promises are numbered by their kind, without gaps', async () => {
  const kinds = new Map<string, number>();
  for (const { id } of promisesOf(page)) {
    const [kind = '', number] = id.split('-');
    const next = (kinds.get(kind) ?? 0) + 1;
    expect([kind, Number(number)]).toEqual([kind, next]);
    kinds.set(kind, next);
  }
  expect([...kinds.keys()]).toEqual(['framing', 'upgrade', 'http2', 'tls', 'trust', 'process', 'resources']);
});

tap.test('a test that is not there is told', async () => {
  const file = new Map([
    [
      'test/a/test.b.ts',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the text of a source.
      "tap.test('it\\'s so', async () => {});\ntest(\n  `in ${a ? 'b' : `c`} and ${d}`,\n  async () => {});\n",
    ],
  ]);
  const row = (title: string, path = 'a/test.b') => `| \`x-1\` | what | [${title}](../test/${path}.ts) |`;
  expect(missing(row("it's so"), file)).toEqual([]);
  expect(missing(row('in … and …'), file)).toEqual([]);
  expect(missing(row('it is so'), file)).toEqual(['test/a/test.b.ts: it is so']);
  expect(missing(row("it's so", 'c'), file)).toEqual(["test/c.ts: it's so"]);
});

interface IPromise {
  readonly id: string;
  readonly tests: readonly { readonly path: string; readonly title: string }[];
}

const promisesOf = (text: string): IPromise[] =>
  rowsOf(text)
    .filter(([id = '']) => /^[a-z0-9]+-\d+$/.test(id))
    .map(([id = '', , cell = '']) => ({
      id,
      tests: [...cell.matchAll(/\[([^\]]+)\]\(\.\.\/(test\/[^)]+)\)/g)].map(([, title = '', path = '']) => ({
        title,
        path,
      })),
    }));

function missing(text: string, files: TTree): string[] {
  return promisesOf(text).flatMap(({ tests }) =>
    tests.flatMap(({ path, title }) => (titlesIn(files.get(path) ?? '').has(title) ? [] : [`${path}: ${title}`])),
  );
}

/** First arguments that are texts; what a template fills in is an ellipsis, and a reference at the end is left out. */
function titlesIn(source: string): Set<string> {
  const titles = new Set<string>();
  for (const [, quote, inside = ''] of source.matchAll(/\(\s*(['"`])((?:\\.|(?!\1)[^\\]|(?<=\$\{[^}]*)`)*?)\1,\s/g)) {
    const text = quote === '`' ? inside.replace(/\$\{[^}]*\}/g, '…') : inside;
    titles.add(text.replace(/\\(.)/g, '$1').replace(/ \(pitfalls? [\d, ]+\)$/, ''));
  }
  return titles;
}

export default tap.start();
