// Reads an object of an older shape, key by key: what was not asked for when it is done was not known.

import type { IFault } from '../base/errors.js';
import { gotText } from '../config/faults.js';
import { closest } from '../config/issues.js';

type TData = Readonly<Record<string, unknown>>;

/** Each reading says what it found wrong to the list of faults that all readings of one object share, one a place. */
export class OldShape {
  readonly path: string;
  /** It is an object at all. */
  readonly isObject: boolean;
  readonly #faults: IFault[];
  readonly #data: TData;
  readonly #known = new Set<string>();

  constructor(value: unknown, path: string, faults: IFault[]) {
    this.path = path;
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    this.isObject = isObject;
    this.#data = isObject ? (value as TData) : {};
    // Of what it lacks that is no object nobody wants to hear.
    this.#faults = isObject ? faults : [];
    if (!isObject) faults.push({ path, want: 'an object', got: gotText(value) });
  }

  has(key: string): boolean {
    return this.#value(key) !== undefined;
  }

  /** Where a key of it stands. */
  at(key: string): string {
    return this.path === '' ? key : `${this.path}.${key}`;
  }

  fault(key: string, want: string): void {
    this.#faults.push({ path: this.at(key), want, got: gotText(this.#value(key)) });
  }

  /** Options that nothing stands for any more: `want` says what to do instead. */
  refuse(wants: Readonly<Record<string, string>>): void {
    for (const [key, want] of Object.entries(wants)) if (this.has(key)) this.fault(key, `nothing: ${want}`);
  }

  text(key: string, { needed = false } = {}): string | undefined {
    return this.#read(key, 'a text', (value) => typeof value === 'string' && value !== '', needed);
  }

  flag(key: string): boolean | undefined {
    return this.#read(key, 'true or false', (value) => typeof value === 'boolean');
  }

  /** Its bounds are those of the option that it becomes. */
  number(key: string): number | undefined {
    return this.#read(key, 'a number', (value) => typeof value === 'number' && Number.isFinite(value));
  }

  port(key: string, { needed = false } = {}): number | undefined {
    return this.#read(key, 'a port from 0 to 65535', isPort, needed);
  }

  oneOf<T extends string>(key: string, values: readonly T[]): T | undefined {
    const want = `one of ${values.map((value) => `'${value}'`).join(', ')}`;
    return this.#read(key, want, (value) => values.includes(value as T), true);
  }

  /** What is handed on as it is, and judged where it goes. */
  any<T>(key: string): T | undefined {
    return this.#value(key) as T | undefined;
  }

  /** A list of texts; `orOne`: one text is a list of one. */
  texts(key: string, { orOne = false, needed = false } = {}): readonly string[] {
    const value = this.#value(key);
    if (orOne && typeof value === 'string') return [value];
    return this.#list(key, value, 'a text', (each) => typeof each === 'string', needed) as readonly string[];
  }

  /** A list of `{ from, to }`. */
  spans(key: string): readonly { from: number; to: number }[] {
    const isSpan = (each: unknown) => isPort((each as TData)?.from) && isPort((each as TData)?.to);
    const want = '{ from, to }, both ports';
    return this.#list(key, this.#value(key), want, isSpan).map((each) => {
      const { from, to } = each as { from: number; to: number };
      return { from, to };
    });
  }

  shapes(key: string): readonly OldShape[] {
    const list = this.#list(key, this.#value(key), '', () => true);
    return list.map((each, index) => new OldShape(each, `${this.at(key)}[${index}]`, this.#faults));
  }

  shape(key: string): OldShape | null {
    const value = this.#value(key);
    return value === undefined ? null : new OldShape(value, this.at(key), this.#faults);
  }

  /** Everything that it may have was asked for: the rest is unknown. */
  done(): void {
    for (const key of Object.keys(this.#data)) {
      if (this.#known.has(key)) continue;
      const near = closest(key, [...this.#known]);
      const want = `a known option${near === null ? '' : ` (did you mean \`${near}\`?)`}`;
      this.#faults.push({ path: this.at(key), want, got: `an unknown name with a ${typeof this.#data[key]}` });
    }
  }

  #value(key: string): unknown {
    this.#known.add(key);
    return Object.hasOwn(this.#data, key) ? this.#data[key] : undefined;
  }

  #read<T>(key: string, want: string, isGood: (value: unknown) => boolean, needed = false): T | undefined {
    const value = this.#value(key);
    if (value === undefined && !needed) return undefined;
    if (isGood(value)) return value as T;
    this.fault(key, want);
    return undefined;
  }

  #list(
    key: string,
    value: unknown,
    want: string,
    isGood: (each: unknown) => boolean,
    needed = false,
  ): readonly unknown[] {
    if (value === undefined && !needed) return [];
    if (!Array.isArray(value) || (needed && value.length === 0)) {
      this.fault(key, needed ? 'a list that is not empty' : 'a list');
      return [];
    }
    for (const [index, each] of value.entries()) {
      if (!isGood(each)) this.#faults.push({ path: `${this.at(key)}[${index}]`, want, got: gotText(each) });
    }
    return value.filter(isGood);
  }
}

const isPort = (value: unknown): boolean =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 65_535;
