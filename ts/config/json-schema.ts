// The configuration file's form as JSON Schema, for editors and for `smartproxy schema`.

import * as plugins from '../plugins.js';
import { optionsSchema } from './schema.js';

type TJson = Record<string, unknown>;

/**
 * JSON Schema (draft 2020-12) of what a configuration file may hold: every option but those that take functions. It
 * describes each value by itself; how values go together is checked when the configuration is read.
 */
export function configJsonSchema(): TJson {
  const schema = plugins.zod.toJSONSchema(optionsSchema, {
    target: 'draft-2020-12',
    io: 'input',
    unrepresentable: 'any',
  });
  return { ...(fileForm(schema) as TJson), title: 'SmartProxy configuration' };
}

/** Leaves out what is marked as having no place in a file, and the unions that are none without it. */
function fileForm(value: unknown): unknown {
  if (Array.isArray(value)) return value.filter((entry) => !isOutside(entry)).map(fileForm);
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(([, inner]) => !isOutside(inner));
  return withoutSingleUnion(Object.fromEntries(kept.map(([key, inner]) => [key, fileForm(inner)])));
}

const isOutside = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && 'fileForm' in value && value.fileForm === false;

function withoutSingleUnion(schema: TJson): TJson {
  const { anyOf, ...rest } = schema;
  return Array.isArray(anyOf) && anyOf.length === 1 ? { ...(anyOf[0] as TJson), ...rest } : schema;
}
