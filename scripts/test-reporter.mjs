// A node:test reporter for machines: one JSON line for each test that ended.
import { inspect } from 'node:util';

export default async function* report(events) {
  for await (const { type, data } of events) {
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    const { name, nesting, skip, todo, details } = data;
    const excused = skip !== undefined || todo !== undefined;
    const outcome = excused ? 'skipped' : type === 'test:pass' ? 'passed' : 'failed';
    const line = { name, nesting, outcome, ms: details.duration_ms };
    if (outcome === 'failed') line.why = inspect(details.error?.cause ?? details.error);
    yield `${JSON.stringify(line)}\n`;
  }
}
