// What is said of an attack and of all of them, for programs and for people.

import type { IJudgement } from './judge.js';
import type {
  IAttack,
  IAttackCounts,
  IAttackReport,
  IAttackResult,
  IAttackWish,
  IOriginRequest,
  IVisit,
  TAttackVersion,
} from './types.js';
import { inShort } from './write-h1.js';

export interface ITried {
  readonly attack: IAttack;
  readonly version: TAttackVersion;
  readonly sent: string;
  readonly visit: IVisit;
  readonly judgement: IJudgement;
  /** What reached the target; null: not seen. */
  readonly requests: readonly IOriginRequest[] | null;
}

export function resultOf({ attack, version, sent, visit, judgement, requests }: ITried): IAttackResult {
  const { family, name, about, clause, change, wish } = attack;
  const { verdict, why } = judgement;
  const base = { family, name, version, about, clause, sent: inShort(sent), expected: expected(wish), verdict, why };
  return { ...base, cameBack: cameBack(visit, requests), change: verdict === 'finding' ? change : '' };
}

function expected({ must, protectedPath }: IAttackWish): string {
  if (must === 'refused') return 'a refusal';
  if (must === 'one') return 'a refusal, or one request that is written anew';
  if (must === 'protected') return `the refusal of ${protectedPath}, or what has nothing to do with it`;
  return 'an end in time, and nothing for anybody else to notice';
}

function cameBack({ answers, end, words }: IVisit, requests: readonly IOriginRequest[] | null): string {
  const parts = answers.map(({ status }) => String(status));
  if (words !== '') parts.push(words);
  if (parts.length === 0) parts.push(end === 'closed' ? 'the end of the connection' : 'nothing');
  else if (end === 'closed') parts.push('the end of the connection');
  if (requests === null) return parts.join(', ');
  const reached = requests.slice(0, 3).map(({ method, target, isWhole }) => {
    return `${inShort(`${method} ${target}`, 60)}${isWhole ? '' : ' (cut off)'}`;
  });
  const more = requests.length > 3 ? ` and ${requests.length - 3} more` : '';
  return `${parts.join(', ')}; at the target: ${reached.join(', ') || 'nothing'}${more}`;
}

type TGathered = Pick<IAttackReport, 'target' | 'isObserved' | 'notes' | 'results'>;

export function toReport(gathered: TGathered): IAttackReport {
  const { results } = gathered;
  return { ...gathered, findings: results.filter(({ verdict }) => verdict === 'finding'), counts: countsOf(results) };
}

export function countsOf(results: readonly IAttackResult[]): IAttackCounts {
  const count = (word: IAttackResult['verdict']) => results.filter(({ verdict }) => verdict === word).length;
  return {
    refused: count('refused'),
    harmless: count('harmless'),
    finding: count('finding'),
    skipped: count('skipped'),
  };
}

/** Sentences for people; `all`: each case has its line, not findings alone. */
export function formatAttackReport(report: IAttackReport, { all = false }: { all?: boolean } = {}): string {
  const { target, isObserved, notes, results, findings } = report;
  const seen = isObserved ? 'what reaches the target is seen' : 'judged by answers alone';
  const lines = [`${target} (${seen})`, ...notes.map((note) => `  note: ${note}`)];
  for (const family of new Set(results.map((result) => result.family))) {
    const own = results.filter((result) => result.family === family);
    lines.push(`  ${family.padEnd(10)} ${sumOf(own)}`);
    if (all) lines.push(...own.filter(({ verdict }) => verdict !== 'finding').map(lineOf));
  }
  for (const finding of findings) lines.push('', ...textOf(finding));
  lines.push('', `${results.length} attacks: ${sumOf(results)}`);
  return lines.join('\n');
}

function sumOf(results: readonly IAttackResult[]): string {
  const { refused, harmless, finding, skipped } = countsOf(results);
  const parts = [`${refused} refused`, `${harmless} harmless`];
  if (skipped > 0) parts.push(`${skipped} skipped`);
  parts.push(finding === 0 ? 'no finding' : `${finding} ${finding === 1 ? 'FINDING' : 'FINDINGS'}`);
  return parts.join(', ');
}

const versionOf = (version: TAttackVersion): string => `HTTP/${version}`;

const lineOf = ({ verdict, name, version, cameBack: back }: IAttackResult): string =>
  `    ${verdict.padEnd(8)} ${versionOf(version).padEnd(8)} ${name}: ${back}`;

const textOf = (finding: IAttackResult): string[] => [
  `FINDING ${finding.family}: ${finding.name} (${versionOf(finding.version)})`,
  `  about      ${finding.about}; ${finding.clause}`,
  `  sent       ${finding.sent || 'nothing'}`,
  `  expected   ${finding.expected}`,
  `  came back  ${finding.cameBack}`,
  `  why        ${finding.why}`,
  `  change     ${finding.change}`,
];
