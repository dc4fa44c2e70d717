// biome-ignore-all lint/suspicious/noTemplateCurlyInString: pieces of source are what is tested.
import { importsOf, mask, resolveOwn } from './source-text.js';
import { expect, tap } from './tapbundle.js';

tap.test('comments and the insides of literals are not code, and nothing moves', async () => {
  const text = `const a = 'x // y'; // z\nconst b = \`p\${f({ q: '}' })}r\`; /* s\n */ const c = /[/'"]t/.test(a) / 2;`;
  const { code, bare } = mask(text);
  expect(code).toHaveLength(text.length);
  expect(bare).toHaveLength(text.length);
  expect(code.replace(/\s+/g, ' ')).toEqual(
    `const a = 'x // y'; const b = \`p\${f({ q: '}' })}r\`; const c = /[/'"]t/.test(a) / 2;`,
  );
  expect(bare.replace(/\s+/g, ' ')).toEqual(
    "const a = ' '; const b = ` ${f({ q: ' ' })} `; const c = / /.test(a) / 2;",
  );
});

tap.test('escapes end neither strings nor templates nor regular expressions', async () => {
  expect(mask('f(\'\\\'\', "\\"", `\\${\\`}`, /\\//); any').bare).toEqual('f(\'  \', "  ", `      `, /  /); any');
});

tap.test('templates nest', async () => {
  const { bare } = mask('`a${`b${c}d${`e`}`}f` + any');
  expect(bare).toEqual('` ${` ${c} ${` `}`} ` + any');
});

tap.test('division is not a regular expression', async () => {
  expect(mask("a / b; c(1) / 2; x[0] / 3; 'y'").bare).toEqual("a / b; c(1) / 2; x[0] / 3; ' '");
});

tap.test('every way to import is seen', async () => {
  const seen = importsOf(`
    import a from './a.js';
    import type { B } from './b.js';
    import * as c from './c.js';
    import { type D, d } from './d.js';
    import type from './e.js';
    import './f.js';
    export * from './g.js';
    export type { H } from './h.js';
    export { i } from "./i.js";
    export const load = (): Promise<typeof import('j')> => import('k');
    import {
      l,
      // from './no.js'
      m,
    } from './l.js';
    export const n = 5; const text = "import x from './no.js'"; // import y from './no.js';
  `);
  const lines = seen.map(({ specifier, typeOnly }) => `${specifier}${typeOnly ? ' (type)' : ''}`).sort();
  expect(lines).toEqual([
    ...['./a.js', './b.js (type)', './c.js', './d.js', './e.js', './f.js', './g.js', './h.js (type)', './i.js'],
    ...['./l.js', 'j (type)', 'k'],
  ]);
});

tap.test('the clause of an import is told', async () => {
  expect(importsOf("import * as plugins from '../plugins.js';")[0]?.clause).toEqual('* as plugins');
});

tap.test('specifiers of ours become paths of sources', async () => {
  expect(resolveOwn('ts/flow/peek/peek.ts', '../../base/errors.js')).toEqual('ts/base/errors.ts');
  expect(resolveOwn('ts/index.ts', './smart-proxy.js')).toEqual('ts/smart-proxy.ts');
  expect(resolveOwn('ts/index.ts', 'node:net')).toBeNull();
});

export default tap.start();
