// Configuration files that are data, JSON and YAML, with the place of each of their values.

import * as plugins from '../plugins.js';
import { ConfigFileError, type IPlace, keysOf } from './faults.js';
import { findRepeatedName, jsonFailure } from './json-text.js';

type TYaml = Awaited<ReturnType<typeof plugins.loadYaml>>;
type TDocument = ReturnType<TYaml['parseDocument']>;

export interface IParsed {
  readonly value: unknown;
  /** Where a value is, or the nearest thing around it that is there; null if nothing is. */
  placeOf(path: string): IPlace | null;
}

/** @throws ConfigFileError if it is not what its name says */
export async function parseDataFile(file: string, content: string): Promise<IParsed> {
  const yaml = await plugins.loadYaml();
  const text = content.startsWith('\uFEFF') ? content.slice(1) : content;
  return file.endsWith('.json') ? parseJson(yaml, file, text) : parseYaml(yaml, file, text);
}

function parseJson(yaml: TYaml, file: string, text: string): IParsed {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const { got, offset } = jsonFailure(error, text, () => {
      return yaml.parseDocument(text, { schema: 'json', prettyErrors: false }).errors[0]?.pos[0] ?? null;
    });
    throw broken(file, text, { want: 'JSON', got, offset });
  }
  const repeated = findRepeatedName(text);
  if (repeated !== null) throw broken(file, text, { ...nameTwice, offset: repeated });
  // YAML contains JSON: its parser knows the places of both. It takes its time, which good files are spared.
  let document: TDocument | undefined;
  const placeOf = (path: string) => {
    document ??= yaml.parseDocument(text, { prettyErrors: false, logLevel: 'error' });
    return placeIn(yaml, { document, text }, path);
  };
  return { value, placeOf };
}

function parseYaml(yaml: TYaml, file: string, text: string): IParsed {
  const document = yaml.parseDocument(text, { prettyErrors: false, logLevel: 'error', merge: true });
  // A tag that means nothing is a warning there; here nothing is passed over.
  const [trouble] = [...document.errors, ...document.warnings];
  if (trouble !== undefined) {
    const words = trouble.code === 'DUPLICATE_KEY' ? nameTwice : { want: 'YAML', got: oneLine(trouble.message) };
    throw broken(file, text, { ...words, offset: trouble.pos[0] });
  }
  try {
    return { value: document.toJS(), placeOf: (path) => placeIn(yaml, { document, text }, path) };
  } catch (error) {
    // Aliases of aliases of aliases, for instance.
    throw broken(file, text, { want: 'YAML', got: oneLine(String(error)), offset: null });
  }
}

const nameTwice = { want: 'each name once', got: 'a name for the second time' };

interface IBroken {
  readonly want: string;
  readonly got: string;
  readonly offset: number | null;
}

function broken(file: string, text: string, { want, got, offset }: IBroken): ConfigFileError {
  return new ConfigFileError(file, [{ path: '', want, got, ...(offset === null ? {} : placeAt(text, offset)) }]);
}

function placeAt(text: string, offset: number): IPlace {
  const before = text.slice(0, offset);
  return { line: before.split('\n').length, column: offset - before.lastIndexOf('\n') };
}

interface ISource {
  readonly document: TDocument;
  readonly text: string;
}

function placeIn(yaml: TYaml, { document, text }: ISource, path: string): IPlace | null {
  let node: unknown = document.contents;
  let offset = offsetOf(node);
  for (const key of keysOf(path)) {
    if (yaml.isAlias(node)) node = node.resolve(document);
    const pair = yaml.isMap(node) ? pairOf(yaml, node.items, key) : undefined;
    const next = pair?.value ?? (yaml.isSeq(node) ? node.items[Number(key)] : undefined);
    // Of an option its name is shown, of an entry of a list the entry.
    const nextOffset = offsetOf(pair?.key ?? next);
    if (nextOffset === null) break;
    offset = nextOffset;
    node = next;
  }
  return offset === null ? null : placeAt(text, offset);
}

const pairOf = (yaml: TYaml, items: readonly { key: unknown; value: unknown }[], key: string | number) =>
  items.find((item) => yaml.isScalar(item.key) && String(item.key.value) === String(key));

function offsetOf(node: unknown): number | null {
  if (typeof node !== 'object' || node === null || !('range' in node) || !Array.isArray(node.range)) return null;
  return Number(node.range[0]);
}

const oneLine = (message: string): string => message.replace(/\s*\n\s*/g, ' ');
