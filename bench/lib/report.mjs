// From samples to judged results, and from those to a table.

import { spread } from './statistics.mjs';

/** The pairs' ratios: the subject's figure of each round by that of the peer in the same round. */
function ratios(samples, subject, peer) {
  if (samples[subject] === undefined || samples[peer] === undefined) return null;
  return spread(samples[subject].map((value, round) => value / samples[peer][round]));
}

/** What a target asks for and whether it is met; null where it cannot be judged because a peer is missing. */
function judge(target, result, subject) {
  const value = target.against === undefined ? result.values[subject]?.median : result.ratios[target.against]?.median;
  const words = target.atMost === undefined ? `>= ${target.atLeast}` : `<= ${target.atMost}`;
  const isMet = target.atMost === undefined ? value >= target.atLeast : value <= target.atMost;
  return {
    text: target.against === undefined ? `${words} ${result.unit}` : `${words} x ${target.against}`,
    against: target.against ?? null,
    value: value ?? null,
    met: value === undefined ? null : isMet,
  };
}

/** Adds medians, ratios and verdicts to a row's outcome. */
export function judged(outcome, subject) {
  const { samples } = outcome;
  const values = Object.fromEntries(Object.entries(samples).map(([name, each]) => [name, spread(each)]));
  const others = Object.keys(samples).filter((name) => name !== subject);
  const result = {
    ...outcome,
    values,
    ratios: Object.fromEntries(
      others.map((peer) => [peer, ratios(samples, subject, peer)]).filter(([, each]) => each !== null),
    ),
  };
  return { ...result, targets: outcome.targets.map((target) => judge(target, result, subject)) };
}

/** Three digits that matter. */
function show(value) {
  if (value === undefined || value === null) return '-';
  if (value === 0 || Math.abs(value) >= 100) return value.toFixed(0);
  return value.toFixed(Math.abs(value) >= 10 ? 1 : Math.abs(value) >= 1 ? 2 : 3);
}

const verdict = (target) => (target?.met === null || target === undefined ? '-' : target.met ? 'yes' : 'NO');

function linesOf(result, subject) {
  const own = result.values[subject];
  const absolute = result.targets.find((target) => target.against === null);
  const first = [result.name, result.unit, subject, show(own?.median), '', show(own?.min), show(own?.max)];
  const lines =
    own === undefined ? [] : [[...first, absolute?.text ?? '', absolute === undefined ? '' : verdict(absolute)]];
  for (const [peer, value] of Object.entries(result.values)) {
    if (peer === subject) continue;
    const ratio = result.ratios[peer];
    const target = result.targets.find((each) => each.against === peer);
    const figures = [show(value.median), show(ratio?.median), show(ratio?.min), show(ratio?.max)];
    const head = lines.length === 0 ? [result.name, result.unit] : ['', ''];
    lines.push([...head, peer, ...figures, target?.text ?? '', target === undefined ? '' : verdict(target)]);
  }
  return lines;
}

/** The table as text. The subject's min and max are figures, a peer's are ratios. */
export function tableOf(results, subject) {
  const head = ['row', 'unit', 'of', 'median', 'ratio', 'min', 'max', 'target', 'met'];
  const lines = [head, ...results.flatMap((result) => linesOf(result, subject))];
  const widths = head.map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  const isNumber = (column) => column >= 3 && column <= 6;
  const pad = (text, column) => (isNumber(column) ? text.padStart(widths[column]) : text.padEnd(widths[column]));
  return lines.map((line) => line.map(pad).join('  ').trimEnd()).join('\n');
}
