// The vocabulary that the schema is written in: strict objects that know their place, options with a description and a
// default, numbers with a unit. The `error` of each schema is the `want` of its faults.

import * as plugins from '../plugins.js';
import { maxMs } from './defaults.js';

const { zod } = plugins;

type TSchema = plugins.zod.ZodType;
type TShape = Record<string, TSchema>;

/** The options of each place, for suggestions. */
export const knownOptions = new Map<string, readonly string[]>();

/**
 * An object without unknown keys. `place` names it in messages and in the table of options of later versions; an
 * unknown key is reported with the place as message.
 */
export function strict<S extends TShape>(place: string, shape: S) {
  knownOptions.set(place, Object.keys(shape));
  return zod.strictObject(shape, {
    error: (issue) => (issue.code === 'unrecognized_keys' ? place : `an object (${place})`),
  });
}

/** A key that may be left out. `defaultValue` is what is used then; undefined where there is nothing to say. */
export function option<S extends TSchema>(schema: S, description: string, defaultValue?: unknown) {
  const meta = defaultValue === undefined ? { description } : { description, default: defaultValue };
  return zod.exactOptional(schema).meta(meta);
}

/** Adds a check whose answer is null or what is wanted instead. Not asked where the type is wrong already. */
export function checked<S extends TSchema>(schema: S, check: (value: plugins.zod.output<S>) => string | null): S {
  return schema.check((context) => {
    const want = check(context.value);
    if (want !== null) context.issues.push({ code: 'custom', input: context.value, message: want });
  });
}

/** What is out of bounds is not judged further, nor is the object around it: one fault is enough. */
const abort = { abort: true } as const;

/** A whole number. */
export const whole = (min: number, max: number, what = 'a whole number') =>
  zod
    .int({ error: `${what} from ${min} to ${max}` })
    .min(min, abort)
    .max(max, abort);

/** Milliseconds, at most ten years of them. */
export const milliseconds = (min: number) => whole(min, maxMs, 'milliseconds, a whole number');

export const flag = () => zod.boolean({ error: 'true or false' });

/** One of some words; `error` tells about words of later versions. */
export const word = <const W extends readonly string[]>(words: W, error?: (input: unknown) => string | undefined) => {
  const want = words.length === 1 ? `'${words[0]}'` : `one of ${words.map((each) => `'${each}'`).join(', ')}`;
  return zod.enum(words, { error: (issue) => error?.(issue.input) ?? want });
};

/** Text that people read, without control characters. */
export function label(maxLength: number) {
  const want = `text of 1 to ${maxLength} printable characters`;
  const text = zod.string({ error: want }).min(1, abort).max(maxLength, abort);
  return checked(text, (value) => (/[\p{Cc}\p{Zl}\p{Zp}]/u.test(value) ? want : null));
}

/** A list with at least `min` entries. */
export const list = <S extends TSchema>(entry: S, what: string, min = 0) =>
  min === 0
    ? zod.array(entry, { error: `a list of ${what}` })
    : zod.array(entry, { error: `a list of ${what}, not empty` }).min(min);

export const wantFunction = 'a function';

/** A function. Marked as having no place in a configuration file. */
export const func = <T>() =>
  zod.custom<T>((value) => typeof value === 'function', { error: wantFunction }).meta({ fileForm: false });
