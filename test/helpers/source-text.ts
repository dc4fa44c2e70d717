// Reads TypeScript sources as far as the architecture tests need it: what is code, and what is imported.

import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, posix, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Paths from the root of the repository, with `/`, and the text of each file. */
export type TTree = ReadonlyMap<string, string>;

export const root = fileURLToPath(new URL('../..', import.meta.url));

/** Every file below the folders that has one of the extensions. */
export async function readTree(folders: readonly string[], extensions: readonly string[]): Promise<TTree> {
  const lists = await Promise.all(folders.map((folder) => listFolder(join(root, folder))));
  const paths = lists.flat().filter((path) => extensions.some((extension) => path.endsWith(extension)));
  const texts = await Promise.all(paths.map((path) => readFile(path, 'utf8')));
  return new Map(paths.map((path, i) => [relative(root, path).split(sep).join('/'), texts[i] ?? '']));
}

async function listFolder(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

export interface IMaskedSource {
  /** Without comments: they are spaces. Offsets and lines are those of the text. */
  readonly code: string;
  /** Without comments and without what is inside strings, templates and regular expressions. */
  readonly bare: string;
}

const newLine = /\n/;
/** After these a slash begins a regular expression; after anything else it divides. */
const beforeRegExp =
  /(^|[(,=:[!&|?{};+*%~^<>-]|=>|\b(return|typeof|case|in|of|delete|void|throw|new|else|await|yield))$/;

/** Splits code from comments and from the insides of literals. */
export function mask(text: string): IMaskedSource {
  const code = [...text];
  const bare = [...text];
  // Depth of braces at which each open template's expression ends.
  const templates: number[] = [];
  let depth = 0;
  let at = 0;
  const blank = (layer: string[], from: number, to: number) => {
    for (let i = from; i < to; i++) if (!newLine.test(layer[i] ?? '')) layer[i] = ' ';
  };
  const literal = (from: number, to: number) => {
    blank(bare, from, to);
    at = to;
  };
  // Templates come in pieces, each between ` or } and ` or ${.
  const template = (from: number) => {
    const [end, opens] = endOfTemplatePiece(text, from);
    literal(from, end);
    if (opens) templates.push(depth);
    at = opens ? end + 2 : end + 1;
  };
  while (at < text.length) {
    const char = text[at];
    if (text.startsWith('//', at) || text.startsWith('/*', at)) {
      const end = endOfComment(text, at);
      blank(code, at, end);
      literal(at, end);
    } else if (char === "'" || char === '"') {
      literal(at + 1, endOfQuoted(text, at + 1, char));
      at++;
    } else if (char === '`') {
      template(at + 1);
    } else if (char === '}' && templates.at(-1) === depth) {
      templates.pop();
      template(at + 1);
    } else if (
      char === '/' &&
      beforeRegExp.test(
        bare
          .slice(Math.max(0, at - 30), at)
          .join('')
          .trimEnd(),
      )
    ) {
      literal(at + 1, endOfRegExp(text, at + 1));
      at++;
    } else {
      if (char === '{') depth++;
      if (char === '}') depth--;
      at++;
    }
  }
  return { code: code.join(''), bare: bare.join('') };
}

function endOfComment(text: string, from: number): number {
  const isLine = text[from + 1] === '/';
  const end = isLine ? text.indexOf('\n', from) : text.indexOf('*/', from + 2) + 2;
  return end < 2 ? text.length : end;
}

function endOfQuoted(text: string, from: number, quote: string): number {
  let at = from;
  while (at < text.length && text[at] !== quote) at += text[at] === '\\' ? 2 : 1;
  return at;
}

/** Where the piece ends, and whether an expression follows. */
function endOfTemplatePiece(text: string, from: number): [number, boolean] {
  let at = from;
  while (at < text.length && text[at] !== '`') {
    if (text.startsWith('${', at)) return [at, true];
    at += text[at] === '\\' ? 2 : 1;
  }
  return [at, false];
}

function endOfRegExp(text: string, from: number): number {
  let at = from;
  let inClass = false;
  while (at < text.length && (inClass || text[at] !== '/')) {
    if (text[at] === '[') inClass = true;
    if (text[at] === ']') inClass = false;
    at += text[at] === '\\' ? 2 : 1;
  }
  return at;
}

export interface IImport {
  readonly specifier: string;
  /** Nothing of it is left once compiled. */
  readonly typeOnly: boolean;
  /** What stands between `import` and `from`; empty for `import('x')` and `import 'x'`. */
  readonly clause: string;
}

const importForms = [
  // import x from '', import type { x } from '', export * from ''
  /(?:^|[;\n}])\s*(?:import|export)\s+(?<type>type\s+(?!from\b))?(?<clause>[\w*{][^;'"`()=]*?)\s*\bfrom\s*['"](?<at>)/g,
  // import ''
  /(?:^|[;\n}])\s*import\s*['"](?<at>)/g,
  // import(''), and typeof import('') among types
  /(?<type>\btypeof\s+)?\bimport\s*\(\s*['"](?<at>)/g,
];

/** Everything a source imports or passes on, types included. */
export function importsOf(text: string): IImport[] {
  const { code, bare } = mask(text);
  return importForms.flatMap((form) =>
    [...bare.matchAll(form)].map((match) => {
      const start = match.index + match[0].length;
      const specifier = /^[^'"]*/.exec(code.slice(start))?.[0] ?? '';
      return { specifier, typeOnly: match.groups?.type !== undefined, clause: match.groups?.clause ?? '' };
    }),
  );
}

/** The path of one of our own files that an import means; null if it means a module from outside. */
export function resolveOwn(from: string, specifier: string): string | null {
  if (!specifier.startsWith('.')) return null;
  return posix.join(dirname(from), specifier).replace(/\.js$/, '.ts');
}
