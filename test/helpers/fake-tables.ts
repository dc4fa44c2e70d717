// As much of nft as our rules use, in memory: what was applied is listed again.

type TEntry = Record<
  string,
  { name?: string; chain?: string; comment?: string; elem?: unknown[] } & Record<string, unknown>
>;
export type TTables = Record<string, TEntry[]>;

/** Without a name in its message: nft says no more either. */
const missing = () => new Error('Error: No such file or directory');

/** Any number that a name has for good. */
const handleOf = (name: string): number =>
  [...name].reduce((sum, one) => (sum * 31 + one.charCodeAt(0)) % 1_000_003, 7);

/** The state after these commands; throws where one of them cannot be. */
export function applyTo(before: TTables, commands: readonly TEntry[]): TTables {
  const state: TTables = structuredClone(before);
  for (const command of commands) {
    const [[verb, body] = ['', {}]] = Object.entries(command) as [string, TEntry][];
    const [[kind, given] = ['', {}]] = Object.entries(body);
    const byHandle = Object.keys(state).find((each) => handleOf(each) === given.handle);
    const name = String(given.name ?? byHandle ?? '');
    if (kind === 'table') {
      if (verb === 'delete' && state[name] === undefined) throw missing();
      if (verb === 'delete') delete state[name];
      else state[name] ??= [];
      continue;
    }
    const table = String(given.table);
    const entries = state[table];
    if (entries === undefined) throw missing();
    const at = entries.findIndex((entry) => entry[kind]?.name === name);
    if (kind === 'rule') entries.push({ rule: given });
    else if (kind === 'element') {
      const found = entries.find((entry) => (entry.set ?? entry.map)?.name === name);
      const of = found?.set ?? found?.map;
      if (of === undefined) throw missing();
      const texts = new Set((given.elem ?? []).map((elem) => JSON.stringify(elem)));
      of.elem = (of.elem ?? []).filter((elem) => !texts.has(JSON.stringify(elem)));
      if (verb === 'add') of.elem.push(...(given.elem ?? []));
    } else if (verb === 'flush') state[table] = entries.filter(({ rule }) => rule?.chain !== name);
    else if (verb === 'delete') {
      if (at < 0) throw missing();
      entries.splice(at, 1);
    } else if (at < 0) {
      entries.push({ [kind]: kind === 'counter' ? { ...given, packets: 7, bytes: 700 } : { ...given } });
    }
  }
  return state;
}

/** What nft prints. */
export function listOf(state: TTables, args: readonly string[]): string {
  if (args.includes('tables')) {
    const tables = Object.keys(state).map((name) => ({ table: { family: 'inet', name } }));
    return JSON.stringify({ nftables: [{ metainfo: {} }, ...tables] });
  }
  const name = args.at(-1) ?? '';
  const entries = state[name];
  if (entries === undefined) throw missing();
  return JSON.stringify({ nftables: [{ table: { name, handle: handleOf(name) } }, ...entries] });
}
