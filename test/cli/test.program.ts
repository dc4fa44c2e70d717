// The commands as docs/cli.md lists them are those of the program.

import { readFile, writeFile } from 'node:fs/promises';
import { readConfigFile } from '../../ts/cli/config-file.js';
import { makeProgram } from '../../ts/cli/program.js';
import { fakeHost } from '../helpers/fake-host.js';
import { makeFolder } from '../helpers/make-folder.js';
import { codeBlocksOf, rowsOf } from '../helpers/markdown.js';
import { root } from '../helpers/source-text.js';
import { expect, tap } from '../helpers/tapbundle.js';

const page = await readFile(`${root}docs/cli.md`, 'utf8');
const program = await makeProgram(fakeHost());

/** The text below each heading of the second level. */
const sections = new Map(
  page
    .split(/^## /m)
    .slice(1)
    .map((text) => [text.slice(0, text.indexOf('\n')), text] as const),
);
const commandNames = program.commands.map((command) => command.name());

tap.test('each command has its section, in the order of the program', async () => {
  expect([...sections.keys()].filter((title) => !/[A-Z ]/.test(title))).toEqual(commandNames);
});

tap.test('arguments, options and defaults of each command are documented, and no others', async () => {
  for (const command of program.commands) {
    const name = command.name();
    const real = [
      ...command.registeredArguments.map((argument) => [`<${argument.name()}>`, '']),
      ...command.options.map(({ flags, defaultValue }) => [
        flags,
        defaultValue === undefined ? '' : String(defaultValue),
      ]),
    ];
    const told = rowsOf(sections.get(name) ?? '')
      .filter(([first = '']) => /^(--|<)/.test(first))
      .map(([first, second, meaning = '']) => {
        if (meaning.length < 10) throw new Error(`${name} ${first}: what does it do?`);
        return [first, second];
      });
    expect([name, told]).toEqual([name, real]);
  }
});

tap.test('required options are documented as such', async () => {
  for (const command of program.commands) {
    for (const { flags, mandatory } of command.options) {
      const [, , meaning = ''] = rowsOf(sections.get(command.name()) ?? '').find(([first]) => first === flags) ?? [];
      expect([flags, /required$/.test(meaning)]).toEqual([flags, mandatory]);
    }
  }
});

tap.test('the words that an option takes are documented', async () => {
  const words = program.commands.flatMap((command) =>
    command.options.flatMap(({ flags, argChoices }) => (argChoices ?? []).map((word) => [command.name(), flags, word])),
  );
  expect(words.length).toBeGreaterThan(5);
  for (const [name = '', flags, word] of words) {
    const [, , meaning = ''] = rowsOf(sections.get(name) ?? '').find(([first]) => first === flags) ?? [];
    if (!meaning.includes(`\`${word}\``) && !meaning.startsWith('as for')) throw new Error(`${name} ${flags} ${word}`);
  }
});

tap.test('the lines of the first example are commands of the program', async () => {
  const [block] = codeBlocksOf(page);
  const lines = (block?.text ?? '').split('\n').filter((line) => line !== '');
  expect(lines).toHaveLength(commandNames.length);
  for (const line of lines) {
    const [first = '', name = '', ...rest] = line.replace(/\s*#.*|\s*>.*/, '').split(' ');
    const command = program.commands.find((each) => each.name() === name);
    expect([line, first, command !== undefined]).toEqual([line, 'smartproxy', true]);
    const part = command?.commands.find((each) => each.name() === rest[0]);
    const { unknown } = (part ?? command)?.parseOptions(part ? rest.slice(1) : rest) ?? { unknown: [] };
    expect([line, unknown]).toEqual([line, []]);
  }
});

tap.test('the example of a file is good', async () => {
  await using folder = await makeFolder();
  const block = codeBlocksOf(page).find(({ language }) => language === 'yaml');
  const file = `${folder.path}/proxy.yaml`;
  await writeFile(file, block?.text ?? '');
  expect((await readConfigFile(file)).options.routes).toHaveLength(2);
});

tap.test('the events of the table are those of the source', async () => {
  const source = await readFile(`${root}ts/cli/report.ts`, 'utf8');
  const real = [...source.matchAll(/#tell\('([\w-]+)'/g)].map((match) => match[1]);
  expect(rowsOf(sections.get('Events') ?? '').map(([event]) => event)).toEqual(real);
});

export default tap.start();
