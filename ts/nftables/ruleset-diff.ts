// From one state of a table to the next, as the commands of one transaction: nobody ever sees a state in between, and
// what stays keeps its counters and its count of connections.

import { family, type IRule, type TCommand } from './nft-json.js';
import type { IDictionary, ITableModel } from './ruleset-model.js';

/** The table as it is to be. What was there under its name, if anything, is gone. */
export function commandsToCreate(table: ITableModel): TCommand[] {
  // Deleting needs something to delete.
  return [
    ...commandsToRemove(table.name),
    { add: { table: { family, name: table.name } } },
    ...additions(empty, table),
  ];
}

/** Also where there is none. */
export const commandsToRemove = (name: string): TCommand[] => [
  { add: { table: { family, name } } },
  { delete: { table: { family, name } } },
];

/** None if nothing changes. */
export function commandsToChange(before: ITableModel, after: ITableModel): TCommand[] {
  return [...additions(before, after), ...removals(before, after)];
}

type TParts = Omit<ITableModel, 'name'>;

const empty: TParts = {
  counters: new Set(),
  sets: new Map(),
  chains: new Map(),
  hooks: new Map(),
  dictionaries: new Map(),
};

function additions(before: TParts, after: ITableModel): TCommand[] {
  const table = after.name;
  const place = { family, table };
  const commands: TCommand[] = [];
  for (const name of after.counters) {
    if (!before.counters.has(name)) commands.push({ add: { counter: { ...place, name } } });
  }
  for (const [name, body] of after.sets) {
    if (!before.sets.has(name)) commands.push({ add: { [kindOf(body)]: { ...place, name, ...body } } });
  }
  const fresh = [...after.chains].filter(([name]) => !before.chains.has(name));
  for (const [name] of fresh) commands.push({ add: { chain: { ...place, name } } });
  for (const [name, { body }] of after.dictionaries) {
    if (!before.dictionaries.has(name)) commands.push({ add: { [kindOf(body)]: { ...place, name, ...body } } });
  }
  for (const [name, rules] of fresh) commands.push(...rules.map((rule) => addRule(table, name, rule)));
  for (const [name, { type, hook, prio, rules }] of after.hooks) {
    const was = before.hooks.get(name);
    if (was === undefined) commands.push({ add: { chain: { ...place, name, type, hook, prio, policy: 'accept' } } });
    else if (same(was.rules, rules)) continue;
    else commands.push({ flush: { chain: { ...place, name } } });
    commands.push(...rules.map((rule) => addRule(table, name, rule)));
  }
  for (const [name, dictionary] of after.dictionaries) {
    commands.push(...elementChanges(place, name, before.dictionaries.get(name), dictionary));
  }
  return commands;
}

function elementChanges(
  place: { readonly family: string; readonly table: string },
  name: string,
  before: IDictionary | undefined,
  after: IDictionary,
): TCommand[] {
  const gone: unknown[] = [];
  const fresh: unknown[] = [];
  for (const [mark, element] of before?.elements ?? []) {
    if (!same(after.elements.get(mark), element)) gone.push(element);
  }
  for (const [mark, element] of after.elements) {
    if (!same(before?.elements.get(mark), element)) fresh.push(element);
  }
  const command = (verb: string, elem: unknown[]): TCommand[] =>
    elem.length === 0 ? [] : [{ [verb]: { element: { ...place, name, elem } } }];
  return [...command('delete', gone), ...command('add', fresh)];
}

/** Nothing leads to these any more by now. */
function removals(before: ITableModel, after: ITableModel): TCommand[] {
  const place = { family, table: after.name };
  const commands: TCommand[] = [];
  const chains = [...before.chains.keys()].filter((name) => !after.chains.has(name));
  for (const name of chains) commands.push({ flush: { chain: { ...place, name } } });
  for (const name of chains) commands.push({ delete: { chain: { ...place, name } } });
  for (const [name, body] of before.sets) {
    if (!after.sets.has(name)) commands.push({ delete: { [kindOf(body)]: { ...place, name } } });
  }
  for (const name of before.counters) {
    if (!after.counters.has(name)) commands.push({ delete: { counter: { ...place, name } } });
  }
  return commands;
}

const addRule = (table: string, chain: string, { expr, comment }: IRule): TCommand => ({
  add: { rule: { family, table, chain, expr, ...(comment === undefined ? {} : { comment }) } },
});

const kindOf = (body: object): string => ('map' in body ? 'map' : 'set');

const same = (a: unknown, b: unknown): boolean => a === b || JSON.stringify(a) === JSON.stringify(b);
