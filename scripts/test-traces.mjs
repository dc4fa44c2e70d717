// Leads the traces of compiled tests back to their sources: done for what failed alone, because a process that is told to do
// it itself reads the source map of every module that it loads.
import { readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const start = '\n//@ sourceMappingURL=data:application/json;base64,';

/** Node passes over the older form of this comment, with an `@`; what reports coverage reads it. */
export function commentOf(map) {
  return `${start}${Buffer.from(map).toString('base64')}\n`;
}

/** The result of a test file, told with places in the sources. */
export function restoreResult(result, folder) {
  const tests = result.tests.map((test) => (test.why ? { ...test, why: restoreTraces(test.why, folder) } : test));
  return { ...result, tests, output: restoreTraces(result.output, folder) };
}

/** `text` with each place in a module below `folder` as the place in its source. */
export function restoreTraces(text, folder) {
  if (!text.includes(folder)) return text;
  const maps = new Map();
  const place = /(?:file:\/\/)?([^\s()'"]+\.js):(\d+):(\d+)/g;
  return text.replace(place, (whole, file, line, column) => {
    if (!file.startsWith(join(folder, '/'))) return whole;
    if (!maps.has(file)) maps.set(file, mapOf(file));
    const { originalSource, originalLine, originalColumn } = maps.get(file)?.findEntry(line - 1, column - 1) ?? {};
    return originalSource === undefined
      ? whole
      : `${fileURLToPath(originalSource)}:${originalLine + 1}:${originalColumn + 1}`;
  });
}

function mapOf(file) {
  try {
    const text = readFileSync(file, 'utf8');
    return new SourceMap(JSON.parse(Buffer.from(text.slice(text.lastIndexOf(start) + start.length), 'base64')));
  } catch {
    // Something else that lies there.
    return null;
  }
}
