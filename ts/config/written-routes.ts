// Routes as JSON and back. What JSON cannot hold (functions, bytes, patterns) and what nobody is to read (passwords, keys,
// tokens) is shown as `{ "$kept": ... }`, and whoever sends that back means what is there now.

import * as plugins from '../plugins.js';
import type { IPathFault, TKey } from './faults.js';
import { isTelling } from './hide-secrets.js';
import type { IRouteConfig } from './types.js';

/** Stands for a value of the routes in force. */
export interface IKept {
  /** Which one: where it was, and a mark that no other value has at that place. */
  readonly $kept: string;
  /** What it is, for people. */
  readonly is: string;
}

export interface IRestored {
  readonly routes: unknown;
  /** Where something is referred to that is not there, or that belongs elsewhere. */
  readonly faults: readonly IPathFault[];
  /** Functions of the routes in force that are not referred to, by their places. */
  readonly lost: readonly string[];
  /** Where there is a program to run that is not referred to but spelled out. */
  readonly programs: readonly IPathFault[];
}

interface IHeld {
  readonly mark: string;
  readonly value: unknown;
  /** Its place without indices: it is put back at such a place only. */
  readonly role: string;
  readonly place: string;
}

/** Routes have about ten levels. */
const maxDepth = 20;

/** Longer bodies of fixed answers are not spelled out. */
const maxText = 4096;

export class WrittenRoutes {
  /** Marks tell nothing about what they stand for. */
  readonly #key = plugins.crypto.randomBytes(32);
  readonly #numbers = new WeakMap<object, number>();
  #count = 0;

  /** JSON-able. */
  show(routes: readonly IRouteConfig[]): unknown[] {
    return routes.map((route, index) => this.#show(route, ['routes', index], null));
  }

  /** Puts back what `given` refers to. What `given` is otherwise is for others to judge. */
  restore(given: unknown, routes: readonly IRouteConfig[]): IRestored {
    const held = new Map<string, IHeld>();
    routes.forEach((route, index) => {
      this.#show(route, ['routes', index], held);
    });
    const used = new Set<string>();
    const faults: IPathFault[] = [];
    const programs: IPathFault[] = [];
    const restored = putBack(given, ['routes'], { held, used, faults, programs });
    const unused = [...held].filter(([mark, { value }]) => typeof value === 'function' && !used.has(mark));
    return { routes: restored, faults, programs, lost: unused.map(([, { place }]) => place) };
  }

  #show(value: unknown, path: readonly TKey[], held: Map<string, IHeld> | null): unknown {
    const is = whatIs(value, path);
    if (is !== null) return this.#keep(value, path, is, held);
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return value.map((entry, index) => this.#show(entry, [...path, index], held));
    const entries = Object.entries(value).map(
      ([key, inner]) => [key, this.#show(inner, [...path, key], held)] as const,
    );
    return Object.fromEntries(entries);
  }

  #keep(value: unknown, path: readonly TKey[], is: string, held: Map<string, IHeld> | null): IKept {
    const place = placeText(path);
    const $kept = `${place}#${this.#mark(value, place)}`;
    held?.set($kept, { mark: $kept, value, role: roleOf(path), place });
    return { $kept, is };
  }

  #mark(value: unknown, place: string): string {
    const hmac = plugins.crypto.createHmac('sha256', this.#key).update(`${place}\n${typeof value}\n`);
    if (typeof value === 'string' || value instanceof Uint8Array) hmac.update(value);
    else if (Array.isArray(value)) hmac.update(JSON.stringify(value));
    else hmac.update(value instanceof RegExp ? String(value) : String(this.#numberOf(value as object)));
    return hmac.digest('base64url').slice(0, 16);
  }

  #numberOf(value: object): number {
    const number = this.#numbers.get(value) ?? ++this.#count;
    this.#numbers.set(value, number);
    return number;
  }
}

interface IPuttingBack {
  readonly held: ReadonlyMap<string, IHeld>;
  readonly used: Set<string>;
  readonly faults: IPathFault[];
  readonly programs: IPathFault[];
}

function putBack(value: unknown, path: readonly TKey[], back: IPuttingBack): unknown {
  // The schema refuses what is this deep.
  if (typeof value !== 'object' || value === null || path.length > maxDepth) return value;
  if (Array.isArray(value)) {
    if (isProgram(path)) back.programs.push({ path, want: wantProgram, got: 'another one' });
    return value.map((entry, index) => putBack(entry, [...path, index], back));
  }
  if (!Object.hasOwn(value, '$kept')) {
    // Not by assignment: a key may be `__proto__`, which the schema is to see.
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, putBack(inner, [...path, key], back)]));
  }
  const { $kept: mark } = value as { readonly $kept: unknown };
  const held = typeof mark === 'string' ? back.held.get(mark) : undefined;
  if (held !== undefined && held.role === roleOf(path)) {
    back.used.add(held.mark);
    return held.value;
  }
  const want = held === undefined ? 'a value, or one that the routes in force have' : 'a value of this place';
  const got = held === undefined ? '$kept of none that is there' : '$kept of another place';
  back.faults.push({ path, want, got });
  return undefined;
}

const placeText = (path: readonly TKey[]): string =>
  path.reduce<string>(
    (text, key) => (typeof key === 'number' ? `${text}[${key}]` : text === '' ? key : `${text}.${key}`),
    '',
  );

/** No name of a header or a user, whatever is in it, makes one place look like another. */
const roleOf = (path: readonly TKey[]): string =>
  JSON.stringify(path.map((key) => (typeof key === 'number' ? null : key)));

/** What is run as the user that the proxy is. */
const isProgram = (path: readonly TKey[]): boolean => path.at(-1) === 'command' && path.at(-2) === 'dns';
const wantProgram =
  'the program that is there already: another one is for the configuration file or the program around the proxy';

/** What to say in place of a value; null: it is shown. */
function whatIs(value: unknown, path: readonly TKey[]): string | null {
  const names = path.filter((key) => typeof key === 'string');
  if (typeof value === 'function') return 'a function';
  if (Array.isArray(value) && isProgram(path)) return 'a program';
  if (value instanceof RegExp) return isTelling(names.at(-1)) ? 'a secret pattern' : `the pattern ${value}`;
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (typeof value !== 'string') return null;
  // `basicAuth.users` may be an object of names and passwords.
  if (path.at(-2) === 'users' || isSecret(value, names)) return 'a secret';
  return value.length > maxText ? `a text of ${value.length} characters` : null;
}

const secretNames: ReadonlySet<string> = new Set(['password', 'secret', 'passphrase', 'hmacKey']);

/** Hides too much rather than too little: what is hidden is not lost. */
function isSecret(text: string, names: readonly string[]): boolean {
  const [above = '', place = '', name = ''] = ['', '', ...names].slice(-3);
  if (secretNames.has(name) || (name === 'key' && place !== 'loadBalancing')) return true;
  if (name === 'command') return true;
  if (text.includes('PRIVATE KEY') || /:\/\/[^/?#]*@/.test(text)) return true;
  if (name === 'url' || name === 'jwks' || place === 'healthCheck') return /[?#]/.test(text);
  return isField(place, above) && (isTelling(name) || (isForTargets(place, above) && !isTemplate(text)));
}

const isField = (place: string, above: string): boolean =>
  place === 'headers' || place === 'query' || place === 'customHeaders' || above === 'headers';

/** What clients send and are sent they know. */
const isForTargets = (place: string, above: string): boolean =>
  place !== 'response' && above !== 'match' && above !== 'respond' && place !== 'cors' && place !== 'hsts';

/** Made of what the proxy fills in. */
const isTemplate = (text: string): boolean => /^(\{\w+\}|[\s,;:/=-])*$/.test(text);
