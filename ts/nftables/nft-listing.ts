// What `nft -j list` prints, as far as we look at it. It was written by the kernel and by others: nothing in it is trusted
// to be there.

export interface IListing {
  /** By which the kernel knows a table, one listed alone: a later one of the same name has another. null: not told. */
  readonly handle: number | null;
  readonly tables: string[];
  /** The names of chains and how many rules each has. */
  readonly chains: ReadonlyMap<string, number>;
  /** Named sets and maps, and how many elements each has. */
  readonly sets: ReadonlyMap<string, number>;
  readonly counters: ReadonlyMap<string, ICount>;
  /** All comments of rules, by chain. */
  readonly comments: ReadonlyMap<string, readonly string[]>;
}

export interface ICount {
  readonly packets: number;
  readonly bytes: number;
}

type TEntry = Readonly<Record<string, unknown>>;

export function readListing(text: string): IListing {
  const tables: string[] = [];
  let handle: number | null = null;
  const chains = new Map<string, number>();
  const sets = new Map<string, number>();
  const counters = new Map<string, ICount>();
  const comments = new Map<string, string[]>();
  for (const entry of entriesOf(text)) {
    const { table, chain, rule, set, map, counter } = entry as Readonly<Record<string, TEntry | undefined>>;
    const body = table ?? chain ?? set ?? map ?? counter ?? {};
    const name = String(body.name ?? '');
    if (table !== undefined) {
      tables.push(name);
      handle = typeof table.handle === 'number' ? table.handle : null;
    } else if (chain !== undefined) chains.set(name, chains.get(name) ?? 0);
    else if (counter !== undefined)
      counters.set(name, { packets: numberOf(body.packets), bytes: numberOf(body.bytes) });
    else if (set !== undefined || map !== undefined) sets.set(name, Array.isArray(body.elem) ? body.elem.length : 0);
    else if (rule !== undefined) {
      const of = String(rule.chain ?? '');
      chains.set(of, (chains.get(of) ?? 0) + 1);
      if (typeof rule.comment === 'string') comments.set(of, [...(comments.get(of) ?? []), rule.comment]);
    }
  }
  return { handle, tables, chains, sets, counters, comments };
}

function entriesOf(text: string): readonly TEntry[] {
  if (text.trim() === '') return [];
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return [];
  }
  const list = (parsed as { nftables?: unknown } | null)?.nftables;
  return Array.isArray(list)
    ? list.filter((entry): entry is TEntry => typeof entry === 'object' && entry !== null)
    : [];
}

const numberOf = (value: unknown): number => (typeof value === 'number' ? value : 0);
