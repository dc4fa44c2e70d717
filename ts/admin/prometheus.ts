// The text that Prometheus reads: format 0.0.4.

import * as plugins from '../plugins.js';
import { families, histogramFamilies, type IScrape } from './metric-families.js';
import type { IHistogramFigures } from './view.js';

export const prometheusType = 'text/plain; version=0.0.4; charset=utf-8';

export function prometheusText(scrape: IScrape): string {
  const lines: string[] = [];
  for (const { name, help, of } of families) {
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${name.endsWith('_total') ? 'counter' : 'gauge'}`);
    for (const [value, labels] of of(scrape)) lines.push(sampleText(name, labels, value));
  }
  for (const { name, help, unit, of } of histogramFamilies) {
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} histogram`, ...histogramText(name, unit, of(scrape.figures)));
  }
  return `${lines.join('\n')}\n`;
}

function histogramText(name: string, unit: number, { bounds, counts, count, sum: total }: IHistogramFigures): string[] {
  const buckets = bounds.map((bound, index) =>
    sampleText(`${name}_bucket`, { le: String(bound / unit) }, counts[index] ?? 0),
  );
  const whole = sampleText(`${name}_bucket`, { le: '+Inf' }, count);
  return [...buckets, whole, `${name}_sum ${total / unit}`, `${name}_count ${count}`];
}

function sampleText(name: string, labels: Readonly<Record<string, string>> | undefined, value: number): string {
  if (labels === undefined) return `${name} ${value}`;
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`);
  return `${name}{${pairs.join(',')}} ${value}`;
}

/** Longer ones, and those that cannot be written as they are, are told apart by a digest: two of one text would spoil it all. */
const maxLabel = 256;

function escaped(text: string): string {
  const plain = text.replace(/(?!\n)[\p{Cc}\p{Zl}\p{Zp}\p{Cs}]/gu, '?');
  const shown = plain === text && text.length <= maxLabel ? text : `${plain.slice(0, maxLabel - 16)}~${digestOf(text)}`;
  return shown.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

const digestOf = (text: string): string =>
  plugins.crypto.createHash('sha256').update(Buffer.from(text, 'utf16le')).digest('hex').slice(0, 12);
