// What is to be thought of an attack, from what came back and, where the target is ours, from what reached it.

import { canaryField, isMarked } from './markers.js';
import { canMean } from './readings.js';
import type { IAnswer, IAttack, IOriginRequest, IVisit, TAttackVerdict } from './types.js';
import { inShort } from './write-h1.js';

/** What an innocent request gives: all else is compared with it. */
export interface IBaseline {
  readonly status: number;
  /** Names, in lower case, that the target gets; null: the target is not ours, or the request does not reach it. */
  readonly fields: ReadonlySet<string> | null;
  /** What is answered to a path that nobody knows. */
  readonly unknown: IAnswer | null;
}

export interface IEvidence {
  readonly attack: IAttack;
  readonly visit: IVisit;
  readonly baseline: IBaseline;
  /** What reached the target; null: that cannot be seen. */
  readonly origin: { readonly requests: readonly IOriginRequest[]; readonly faults: readonly string[] } | null;
  /** What is wrong with the innocent request behind it; `''`: nothing. */
  readonly canary: string;
  /** The attacker's address is one of a proxy that is believed. */
  readonly isTrusted: boolean;
}

export interface IJudgement {
  readonly verdict: TAttackVerdict;
  readonly why: string;
}

export function judge(evidence: IEvidence): IJudgement {
  const why =
    evidence.canary || (evidence.origin === null ? inAnswers(evidence) : inTarget(evidence)) || inBoth(evidence);
  if (why !== '') return { verdict: 'finding', why };
  const { visit, baseline } = evidence;
  if (isRefused(visit, baseline)) return { verdict: 'refused', why: '' };
  return { verdict: 'harmless', why: whyHarmless(evidence) };
}

function whyHarmless({ visit, origin, attack }: IEvidence): string {
  if (visit.answers.length === 0) return 'it was not answered, and nothing came of it';
  if (origin === null && attack.wish.must !== 'closed')
    return 'judged by the answer alone: what reached the target is not seen';
  return '';
}

/** A refusal is an answer of another kind than an innocent request gets, or none at all. */
const isRefused = ({ answers, end, words }: IVisit, baseline: IBaseline): boolean =>
  answers.length === 0 ? end === 'closed' || words !== '' : isRefusal(answers[0] as IAnswer, baseline);

const isRefusal = ({ status }: IAnswer, baseline: IBaseline): boolean =>
  status >= 400 && status !== 502 && status !== 504 && status !== baseline.status;

/** What both ways of looking show. */
function inBoth({ attack, visit, baseline }: IEvidence): string {
  const [first, ...others] = visit.answers;
  const second = others.find((answer) => !isRefusal(answer, baseline) && answer.status < 500);
  if (first !== undefined && second !== undefined) {
    return `${visit.answers.length} answers came to one request: what was behind it was taken for another one`;
  }
  if (first?.status === 101) return 'a tunnel was opened (101)';
  const isTaken = first !== undefined && !isRefusal(first, baseline);
  if (attack.wish.must === 'refused' && isTaken) return `it was taken, and answered by ${first.status}`;
  if (visit.words.startsWith('an answer that')) return visit.words;
  return '';
}

function inAnswers({ attack, visit, baseline, isTrusted }: IEvidence): string {
  const { wish, family } = attack;
  const [first] = visit.answers;
  if (first === undefined || first.status >= 400) return '';
  if (wish.protectedPath !== undefined) {
    const { unknown } = baseline;
    const isUnknown = unknown !== null && unknown.status === first.status && unknown.content === first.content;
    return first.status < 300 && !isUnknown ? `it was answered by ${first.status}, and the path itself is refused` : '';
  }
  const said = `${first.fields.join('\n')}\n${first.content}`;
  const isJudged = (family === 'trust' && !isTrusted) || family === 'authority';
  return isJudged && isMarked(said) ? 'what the attacker said comes back in the answer: somebody believed it' : '';
}

function inTarget(evidence: IEvidence): string {
  const { attack, origin, isTrusted } = evidence;
  const { wish } = attack;
  if (origin === null) return '';
  const [fault] = origin.faults;
  if (fault !== undefined) return `the target got what readers take differently: ${inShort(fault, 120)}`;
  const { requests } = origin;
  const split = requests.find((request) => hasField(request, 'x-smuggled') || /[?&]smuggled/.test(request.target));
  if (split !== undefined) return `a request reached the target that nobody made: ${startOf(split)}`;
  const whole = requests.filter(({ isWhole }) => isWhole);
  if (wish.must === 'closed') return '';
  if (whole.length > 1) return `${whole.length} requests reached the target: ${whole.map(startOf).join(', ')}`;
  const [one] = whole;
  if (one === undefined) return '';
  if (wish.must === 'refused') return `it reached the target as ${startOf(one)}`;
  if (wish.protectedPath !== undefined) {
    const means = canMean(one.target, wish.protectedPath);
    return means ? `it reached the target as ${inShort(one.target)}, which can be read as ${wish.protectedPath}` : '';
  }
  return inContent(evidence, one) || (isTrusted && attack.family === 'trust' ? '' : inFields(evidence, one));
}

function inContent({ attack: { wish } }: IEvidence, { content }: IOriginRequest): string {
  if (wish.content === undefined || wish.content === content) return '';
  return `the target got other content: ${inShort(content, 80) || 'none'}`;
}

function inFields({ attack: { wish }, baseline }: IEvidence, request: IOriginRequest): string {
  const { fields, trailers } = request;
  for (const name of wish.absent ?? []) {
    const isTrailer = name.startsWith('trailer ');
    const bare = isTrailer ? name.slice(8) : name;
    const reached = nameIn(trailers, bare) || (!isTrailer && nameIn(fields, bare));
    if (reached) return `${bare} reached the target${nameIn(trailers, bare) ? ' as a trailer' : ''}`;
  }
  for (const name of wish.kept ?? []) {
    const isUsual = baseline.fields?.has(name) === true || name === 'cookie';
    if (isUsual && !nameIn(fields, name)) return `${name} was removed before the request reached the target`;
  }
  const all = [...fields, ...trailers];
  for (let at = 0; at < all.length; at += 2) {
    const [name = '', value = ''] = [all[at], all[at + 1]];
    if (isMarked(value) || isMarked(name)) return `the target was told ${inShort(`${name}: ${value}`, 120)}`;
  }
  return isMarked(request.target) ? `the target was asked for ${inShort(request.target, 120)}` : '';
}

function nameIn(fields: readonly string[], lower: string): boolean {
  for (let at = 0; at < fields.length; at += 2) if (fields[at]?.toLowerCase() === lower) return true;
  return false;
}

const hasField = ({ fields, trailers }: IOriginRequest, lower: string): boolean =>
  nameIn(fields, lower) || nameIn(trailers, lower);

/** True for requests of ours that are no attack. */
export const isInnocent = (request: IOriginRequest): boolean => hasField(request, canaryField.toLowerCase());

const startOf = ({ method, target }: IOriginRequest): string => inShort(`${method} ${target}`, 100);
