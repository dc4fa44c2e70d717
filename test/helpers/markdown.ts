// What the tests of the documentation read from Markdown: code, tables, links, headings.

export interface ICodeBlock {
  readonly language: string;
  readonly text: string;
  /** What a comment on the lines before it takes as given: `<!-- given: declare const proxy: SmartProxy; -->`. */
  readonly given: string;
  /** Line of the first line of code, counted from 1. */
  readonly line: number;
}

/** The fenced blocks. */
export function codeBlocksOf(markdown: string): ICodeBlock[] {
  const blocks: ICodeBlock[] = [];
  for (const match of markdown.matchAll(/^(`{3,})([\w-]*)[^\n]*\n([\s\S]*?)^\1\s*$/gm)) {
    const before = markdown.slice(0, match.index);
    const given = /<!-- given:((?:(?!-->)[\s\S])*)-->\s*$/.exec(before)?.[1]?.trim() ?? '';
    blocks.push({ language: match[2] ?? '', text: match[3] ?? '', given, line: before.split('\n').length + 1 });
  }
  return blocks;
}

const withoutCode = (markdown: string): string =>
  markdown.replace(/^(`{3,})[\s\S]*?^\1\s*$/gm, '').replace(/`[^`\n]*`/g, '');

/** The cells of every row that begins with a word in backticks, which itself comes without them. */
export function rowsOf(markdown: string): string[][] {
  const rows = markdown.split('\n').filter((line) => /^\| *`[^`]+` *\|/.test(line));
  return rows.map((line) => {
    const cells = line.split('|').slice(1, -1);
    return cells.map((cell, i) => (i === 0 ? cell.trim().replaceAll('`', '') : cell.trim()));
  });
}

/** Where links and images point to. */
export const linksOf = (markdown: string): string[] =>
  [...withoutCode(markdown).matchAll(/\]\(([^()\s]+)(?:\s+"[^"]*")?\)/g)].map((match) => match[1] ?? '');

/** The anchors that headings make, as GitHub makes them. */
export const anchorsOf = (markdown: string): string[] =>
  [...markdown.replace(/^(`{3,})[\s\S]*?^\1\s*$/gm, '').matchAll(/^#+ (.+)$/gm)].map((match) =>
    (match[1] ?? '')
      .trim()
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-'),
  );
