// What JSON.parse does not tell about a text: where it failed, and names that stand twice in one object.

export interface IJsonFailure {
  readonly got: string;
  /** null: not known. */
  readonly offset: number | null;
}

/** `secondOpinion`: where a lenient parser finds something that is no JSON. */
export function jsonFailure(error: unknown, text: string, secondOpinion: () => number | null): IJsonFailure {
  const message = error instanceof Error ? error.message : String(error);
  const position = /at position (\d+)/.exec(message)?.[1];
  // The excerpt that Node shows instead of a position may hold what nobody should see, and line ends.
  const got = message
    .replace(/,? *\.{0,3}"[\s\S]*" is not valid JSON$/, '')
    .replace(/ in JSON at position[\s\S]*$/, '');
  return { got, offset: position === undefined ? (secondOpinion() ?? lastComma(text)) : Number(position) };
}

/** A comma after the last entry: the slip that lenient parsers let pass. */
function lastComma(text: string): number | null {
  for (const match of text.matchAll(/"[^"\\]*(?:\\.[^"\\]*)*"|,(?=\s*[\]}])/g))
    if (match[0] === ',') return match.index;
  return null;
}

/** The first name that its object has already; of valid JSON, of which the last would silently win. */
export function findRepeatedName(text: string): number | null {
  const objects: Set<string>[] = [];
  for (const match of text.matchAll(/("[^"\\]*(?:\\.[^"\\]*)*")\s*(:)?|[{}]/g)) {
    const [whole, quoted, colon] = match;
    if (whole === '{') objects.push(new Set());
    else if (whole === '}') objects.pop();
    else if (quoted !== undefined && colon !== undefined) {
      const names = objects.at(-1);
      const name = JSON.parse(quoted) as string;
      if (names?.has(name)) return match.index;
      names?.add(name);
    }
  }
  return null;
}
