// Faults of a configuration file, with their places in it.

import { ConfigError, type IFault } from '../index.js';

/** Counted from 1. */
export interface IPlace {
  readonly line: number;
  readonly column: number;
}

/** A fault, and where in the file it is, if that is known. */
export interface IPlacedFault extends IFault, Partial<IPlace> {}

/** A configuration file that cannot be used. */
export class ConfigFileError extends Error {
  readonly file: string;
  readonly faults: readonly IPlacedFault[];

  constructor(file: string, faults: readonly IPlacedFault[]) {
    const count = `${faults.length} fault${faults.length === 1 ? '' : 's'}`;
    super([`${count} in ${file}:`, ...faults.map((fault) => `  ${faultLine(file, fault)}`)].join('\n'));
    this.file = file;
    this.faults = faults;
  }
}

/** Does something with the configuration of a file; what is wrong with it is then told with its place. */
export function placing<T>(file: string, placeOf: (path: string) => IPlace | null, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw withPlaces(file, placeOf, error);
  }
}

/** The same for an error that was caught already. */
export function withPlaces(file: string, placeOf: (path: string) => IPlace | null, error: unknown): unknown {
  if (!(error instanceof ConfigError)) return error;
  const faults = error.faults.map((fault): IPlacedFault => ({ ...fault, ...placeOf(fault.path) }));
  // Who mends a file goes through it from its beginning.
  faults.sort((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0));
  return new ConfigFileError(file, faults);
}

/** `proxy.yaml:12:7: routes[0].match.ports: want ..., got ...`: terminals and editors make a link of its beginning. */
function faultLine(file: string, { path, want, got, line, column }: IPlacedFault): string {
  const place = line === undefined ? file : `${file}:${line}:${column}`;
  return `${place}: ${path === '' ? '' : `${path}: `}want ${want}, got ${got}`;
}

/** The keys of a place as faults write it, `routes[3].match["odd name"]`; it ends early where a name was shortened. */
export function keysOf(path: string): (string | number)[] {
  const keys: (string | number)[] = [];
  const part = /\.?([A-Za-z_$][\w$]*)|\[(\d+)\]|\[("[^"\\]*(?:\\.[^"\\]*)*")\]/y;
  for (let match = part.exec(path); match !== null; match = part.exec(path)) {
    const [, name, index, quoted] = match;
    const key = name ?? (index === undefined ? unquote(quoted ?? '') : Number(index));
    if (key === null) break;
    keys.push(key);
  }
  return keys;
}

/** null if it was shortened. */
function unquote(quoted: string): string | null {
  const text = quoted.replace(/\\u\{([0-9a-f]+)\}/g, (_, hex: string) =>
    String.fromCodePoint(Number.parseInt(hex, 16)),
  );
  try {
    const name = JSON.parse(text) as string;
    return name.endsWith('…') ? null : name;
  } catch {
    return null;
  }
}
