import fc from 'fast-check';
import { parseDataFile } from '../../ts/cli/data-file.js';
import { ConfigFileError, type IPlacedFault } from '../../ts/cli/faults.js';
import { pathText, type TKey } from '../../ts/config/faults.js';
import { expect, numRuns, tap } from '../helpers/tapbundle.js';

/** What is wanted of a file that cannot be parsed, and where. */
async function slipOf(file: string, text: string) {
  const { want, line, column } = await faultOf(file, text);
  return [want, line, column];
}

async function faultOf(file: string, text: string): Promise<IPlacedFault> {
  const error: unknown = await parseDataFile(file, text).then(
    () => new Error(`${text} is parsed`),
    (caught) => caught,
  );
  if (!(error instanceof ConfigFileError)) throw error;
  expect(error.faults).toHaveLength(1);
  return error.faults[0] as IPlacedFault;
}

const yaml = `routes:
  - name: a
    match: { ports: 443 }
  - &b
    name: b
    match:
      ports: [80, 81]
more:
  same: *b
  merged:
    <<: *b
    name: c
`;

tap.test('YAML is read, with anchors and merge keys', async () => {
  const { value } = await parseDataFile('x.yaml', yaml);
  expect(value).toEqual({
    routes: [
      { name: 'a', match: { ports: 443 } },
      { name: 'b', match: { ports: [80, 81] } },
    ],
    more: { same: { name: 'b', match: { ports: [80, 81] } }, merged: { name: 'c', match: { ports: [80, 81] } } },
  });
});

tap.test('values of YAML have their places', async () => {
  const { placeOf } = await parseDataFile('x.yaml', yaml);
  expect(placeOf('routes')).toEqual({ line: 1, column: 1 });
  expect(placeOf('routes[0].match.ports')).toEqual({ line: 3, column: 14 });
  expect(placeOf('routes[1].match.ports[1]')).toEqual({ line: 7, column: 19 });
  expect(placeOf('more.same.match.ports[0]')).toEqual({ line: 7, column: 15 });
});

tap.test('what is missing is placed where it should be in', async () => {
  const { placeOf } = await parseDataFile('x.yaml', yaml);
  expect(placeOf('routes[0].action.type')).toEqual({ line: 2, column: 5 });
  expect(placeOf('proxyIPs')).toEqual({ line: 1, column: 1 });
  expect(placeOf('routes[7]')).toEqual({ line: 1, column: 1 });
});

tap.test('values of JSON have their places, also behind a byte order mark and with tabs', async () => {
  const { value, placeOf } = await parseDataFile('x.json', '\uFEFF{\n\t"a": [\n\t\t{ "b": 1,\n\t\t"c": 2 }\n\t]\n}');
  expect(value).toEqual({ a: [{ b: 1, c: 2 }] });
  expect(placeOf('a[0].c')).toEqual({ line: 4, column: 3 });
  expect(placeOf('a[0]')).toEqual({ line: 3, column: 3 });
});

tap.test('the place of a name in JSON is where the name is written', async () => {
  const name = fc.string({ maxLength: 20 }).filter((text) => !text.endsWith('…'));
  const tree = fc.letrec((tie) => ({
    value: fc.oneof({ depthSize: 'small' }, fc.integer(), tie('list'), tie('object')),
    list: fc.array(tie('value'), { maxLength: 4 }),
    object: fc.dictionary(name, tie('value'), { maxKeys: 4, noNullPrototype: true }),
  })).object;
  const property = fc.asyncProperty(tree, fc.constantFrom(undefined, 1, '\t'), async (value, indent) => {
    const text = JSON.stringify(value, null, indent);
    const lines = text.split('\n');
    const { placeOf } = await parseDataFile('x.json', text);
    for (const path of namesIn(value)) {
      const { line, column } = placeOf(pathText(path)) ?? { line: 0, column: 0 };
      const written = JSON.stringify(path.at(-1));
      expect(lines[line - 1]?.slice(column - 1, column - 1 + written.length)).toEqual(written);
    }
  });
  await fc.assert(property, { seed: 7, numRuns: numRuns(200) });
});

function namesIn(value: unknown, above: readonly TKey[] = []): TKey[][] {
  if (Array.isArray(value)) return value.flatMap((each, i) => namesIn(each, [...above, i]));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, each]) => [[...above, key], ...namesIn(each, [...above, key])]);
}

tap.test('a text that is no JSON is told with the place of the slip', async () => {
  expect(await slipOf('x.json', '{\n  "a": 1,\n  "b": tru\n}')).toEqual(['JSON', 3, 8]);
  expect(await slipOf('x.json', '{\n  "a": [1,\n  2,\n]}')).toEqual(['JSON', 3, 4]);
  expect(await slipOf('x.json', 'a: 1')).toEqual(['JSON', 1, 1]);
  expect((await faultOf('x.json', '')).want).toEqual('JSON');
});

tap.test('a text that is no YAML is told with the place of the slip', async () => {
  expect(await slipOf('x.yaml', 'a: 1\nb: "x\n')).toEqual(['YAML', 3, 1]);
  expect(await slipOf('x.yml', 'a: 1\n---\nb: 2\n')).toEqual(['YAML', 2, 1]);
  expect(await slipOf('x.yml', 'a: !!js/function x\n')).toEqual(['YAML', 1, 4]);
});

tap.test('a name that stands twice is refused', async () => {
  const want = 'each name once';
  expect(await slipOf('x.json', '{"a": 1,\n"a": 2}')).toEqual([want, 2, 1]);
  expect(await slipOf('x.yaml', 'a: 1\nb: 2\na: 3\n')).toEqual([want, 3, 1]);
});

tap.test('aliases that would grow without end are refused', async () => {
  const levels = ['a: &a [x, x, x, x, x, x, x, x, x, x]'];
  for (let i = 1; i < 9; i++) {
    const [name, before] = ['abcdefghi'[i], 'abcdefghi'[i - 1]];
    levels.push(`${name}: &${name} [${Array(10).fill(`*${before}`).join(', ')}]`);
  }
  expect((await faultOf('x.yaml', levels.join('\n'))).got).toContain('alias');
});

tap.test('a name that could reach a prototype stays a name', async () => {
  for (const [file, text] of [
    ['x.json', '{"__proto__": {"routes": []}}'],
    ['x.yaml', '__proto__: { routes: [] }'],
  ] as const) {
    const { value } = await parseDataFile(file, text);
    expect(Object.keys(value as object)).toEqual(['__proto__']);
    expect(Object.getPrototypeOf(value) === Object.prototype).toBeTrue();
  }
});

export default tap.start();
