import { anchorsOf, codeBlocksOf, linksOf, rowsOf } from './markdown.js';
import { expect, tap } from './tapbundle.js';

const page = [
  '# Title, with `code`',
  '',
  'A [link](a.md#b), an ![image](c.png "title"), and `[no](link)`.',
  '```ts',
  'const a = [1](2);',
  '```',
  '## Second one',
  '````md',
  '```js',
  '```',
  '# no heading',
  '````',
  '| word | meaning |',
  '| --- | --- |',
  '| `a` | the `first` |',
  '| `b` | |',
].join('\n');

tap.test('fenced blocks come with language, text and line', async () => {
  expect(codeBlocksOf(page)).toEqual([
    { language: 'ts', text: 'const a = [1](2);\n', given: '', line: 5 },
    { language: 'md', text: '```js\n```\n# no heading\n', given: '', line: 9 },
  ]);
});

tap.test('what a comment takes as given belongs to the block that follows it', async () => {
  const page = '<!-- given: a\nb -->\n\n```ts\nf(a);\n```\n\n```ts\ng();\n```\n<!-- other -->\n```ts\nh();\n```\n';
  expect(codeBlocksOf(page).map(({ given }) => given)).toEqual(['a\nb', '', '']);
});

tap.test('links are found outside code only', async () => {
  expect(linksOf(page)).toEqual(['a.md#b', 'c.png']);
});

tap.test('anchors are those of headings outside code', async () => {
  expect(anchorsOf(page)).toEqual(['title-with-code', 'second-one']);
});

tap.test('rows are those that begin with a word in backticks', async () => {
  expect(rowsOf(page)).toEqual([
    ['a', 'the `first`'],
    ['b', ''],
  ]);
});

export default tap.start();
