#!/usr/bin/env node
// As much of nft as our rules use, without a kernel: what was applied is kept in a file beside it and listed from there.
// A file `refuse` beside it holds the message with which everything but listing is refused.

import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';

const here = (name) => new URL(name, import.meta.url);
const state = existsSync(here('state.json')) ? JSON.parse(readFileSync(here('state.json'), 'utf8')) : {};
const args = process.argv.slice(2);

function fail(text) {
  process.stderr.write(`${text}\n`);
  process.exit(1);
}

function apply(commands) {
  for (const command of commands) {
    const [[verb, body]] = Object.entries(command);
    const [[kind, given]] = Object.entries(body);
    if (kind === 'table') {
      if (verb === 'delete' && !state[given.name]) fail('Error: No such file or directory');
      if (verb === 'delete') delete state[given.name];
      else state[given.name] ??= [];
      continue;
    }
    const entries = state[given.table];
    if (!entries) fail('Error: No such file or directory');
    const at = entries.findIndex((entry) => entry[kind]?.name === given.name);
    if (kind === 'rule') entries.push({ rule: given });
    else if (kind === 'element') {
      const of = entries.find(({ set, map }) => (set ?? map)?.name === given.name);
      const one = of.set ?? of.map;
      const texts = new Set(given.elem.map((elem) => JSON.stringify(elem)));
      one.elem = (one.elem ?? []).filter((elem) => !texts.has(JSON.stringify(elem)));
      if (verb === 'add') one.elem.push(...given.elem);
    } else if (verb === 'flush') {
      state[given.table] = entries.filter(({ rule }) => rule?.chain !== given.name);
    } else if (verb === 'delete') {
      if (at < 0) fail('Error: No such file or directory');
      entries.splice(at, 1);
    } else if (at < 0) {
      entries.push({ [kind]: kind === 'counter' ? { ...given, packets: 7, bytes: 700 } : { ...given } });
    }
  }
}

if (args.includes('list')) {
  const name = args.at(-1);
  if (args.includes('tables')) {
    const tables = Object.keys(state).map((each) => ({ table: { family: 'inet', name: each } }));
    console.log(JSON.stringify({ nftables: [{ metainfo: {} }, ...tables] }));
  } else if (!state[name]) fail('Error: No such file or directory');
  else console.log(JSON.stringify({ nftables: [{ table: { name } }, ...state[name]] }));
} else {
  if (existsSync(here('refuse'))) fail(readFileSync(here('refuse'), 'utf8'));
  const text = args.includes('-f') ? readFileSync('/dev/stdin', 'utf8') : args.at(-1);
  apply(JSON.parse(text).nftables);
  if (!args.includes('-c')) {
    // Whoever reads it meanwhile finds the whole of it.
    writeFileSync(here('next.json'), JSON.stringify(state));
    renameSync(here('next.json'), here('state.json'));
  }
}
