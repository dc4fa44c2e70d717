// Reads what an ACME server answers, field by field: what is missing or of a wrong kind is a problem of the server's.

import { linksOf, retryAfterOf } from './acme-headers.js';
import type { IAcmeAnswer } from './acme-http.js';
import { AcmeProblem } from './acme-problem.js';
import type {
  IAcmeAccount,
  IAcmeAuthorization,
  IAcmeCertificate,
  IAcmeChallenge,
  IAcmeDirectory,
  IAcmeIdentifier,
  IAcmeOrder,
  IRenewalInfo,
} from './acme-types.js';
import { chainIn } from './read-chain.js';
import { asRecord, problemIn } from './read-problem.js';

type TRecord = Record<string, unknown>;

export function readDirectory(answer: IAcmeAnswer): IAcmeDirectory {
  const body = documentOf(answer, 'directory');
  const meta = asRecord(body.meta);
  const profiles = Object.entries(asRecord(meta.profiles));
  return {
    newNonce: urlIn(body, 'newNonce'),
    newAccount: urlIn(body, 'newAccount'),
    newOrder: urlIn(body, 'newOrder'),
    revokeCert: urlIn(body, 'revokeCert'),
    keyChange: urlIn(body, 'keyChange'),
    renewalInfo: body.renewalInfo === undefined ? null : urlIn(body, 'renewalInfo'),
    termsOfService: textOrNull(meta.termsOfService),
    externalAccountRequired: meta.externalAccountRequired === true,
    caaIdentities: textsIn(meta.caaIdentities),
    profiles: new Map(profiles.map(([name, about]) => [name, textOrNull(about) ?? ''])),
  };
}

export function readAccount(answer: IAcmeAnswer, knownUrl: string | null): IAcmeAccount {
  const body = documentOf(answer, 'account');
  return {
    url: locationOf(answer) ?? knownUrl ?? malformed('account: no Location'),
    status: textOrNull(body.status) ?? 'valid',
    contact: textsIn(body.contact),
    created: answer.status === 201,
  };
}

/** @param knownUrl null: the answer has to say it */
export function readOrder(answer: IAcmeAnswer, knownUrl: string | null, wallMs: number): IAcmeOrder {
  const body = documentOf(answer, 'order');
  return {
    url: knownUrl ?? locationOf(answer) ?? malformed('order: no Location'),
    status: wordIn(body, 'status', ['pending', 'ready', 'processing', 'valid', 'invalid']),
    identifiers: listIn(body, 'identifiers').map((entry) => identifierIn(entry)),
    // An order that is done may be answered without them.
    authorizations: body.authorizations === undefined ? [] : authorizationsIn(body),
    finalize: urlIn(body, 'finalize'),
    certificate: body.certificate === undefined ? null : urlIn(body, 'certificate'),
    error: problemIn(body.error),
    profile: textOrNull(body.profile),
    expiresMs: dateIn(body.expires),
    retryAfterMs: retryAfterOf(answer.headers, wallMs),
  };
}

export function readAuthorization(answer: IAcmeAnswer, wallMs: number): IAcmeAuthorization {
  const body = documentOf(answer, 'authorization');
  return {
    url: answer.url,
    status: wordIn(body, 'status', ['pending', 'valid', 'invalid', 'deactivated', 'expired', 'revoked']),
    identifier: identifierIn(body.identifier),
    wildcard: body.wildcard === true,
    challenges: listIn(body, 'challenges').map((entry) => challengeIn(asRecord(entry), null)),
    expiresMs: dateIn(body.expires),
    retryAfterMs: retryAfterOf(answer.headers, wallMs),
  };
}

export const readChallenge = (answer: IAcmeAnswer, wallMs: number): IAcmeChallenge =>
  challengeIn(documentOf(answer, 'challenge'), retryAfterOf(answer.headers, wallMs));

function challengeIn(body: TRecord, retryAfterMs: number | null): IAcmeChallenge {
  const token = textOrNull(body.token) ?? '';
  // RFC 8555 §8.1; it becomes a part of a path and of a file's name.
  if (!/^[\w-]{0,512}$/.test(token)) malformed('challenge: its token is not base64url');
  return {
    type: isWord(body.type, maxTypeLength) ? body.type : malformed('challenge: no type'),
    url: urlIn(body, 'url'),
    status: wordIn(body, 'status', ['pending', 'processing', 'valid', 'invalid']),
    token,
    error: problemIn(body.error),
    issuerDomainNames: textsIn(body['issuer-domain-names']),
    retryAfterMs,
  };
}

export const readCertificate = (answer: IAcmeAnswer): IAcmeCertificate => ({
  chain: chainIn(answer.body.toString('latin1')),
  alternates: linksOf(answer.headers, 'alternate', answer.url).filter(isHttps),
});

export function readRenewalInfo(answer: IAcmeAnswer, wallMs: number): IRenewalInfo {
  const body = documentOf(answer, 'renewal information');
  const { explanationURL } = body;
  const { start, end } = asRecord(body.suggestedWindow);
  const [startMs, endMs] = [dateIn(start), dateIn(end)];
  // RFC 9773 §4.2: a window that ends before it starts is to be ignored.
  if (startMs === null || endMs === null || endMs <= startMs) return malformed('renewal information: no window');
  return {
    startMs,
    endMs,
    // A hint for people: one that cannot be followed is left out.
    explanationUrl: isWord(explanationURL, maxUrlLength) && isHttps(explanationURL) ? explanationURL : null,
    retryAfterMs: retryAfterOf(answer.headers, wallMs),
  };
}

function documentOf({ body }: IAcmeAnswer, what: string): TRecord {
  let value: unknown;
  try {
    value = JSON.parse(body.toString());
  } catch {
    return malformed(`${what}: not JSON`);
  }
  return typeof value === 'object' && value !== null ? (value as TRecord) : malformed(`${what}: no object`);
}

function locationOf({ headers, url }: IAcmeAnswer): string | null {
  const { location } = headers;
  if (location === undefined || !URL.canParse(location, url)) return null;
  const { href } = new URL(location, url);
  return isHttps(href) ? href : null;
}

const isHttps = (text: string): boolean => URL.canParse(text) && new URL(text).protocol === 'https:';

/** Kept as it is written, since it is signed; it also goes into messages, which no blanks and controls may shape. */
const checkedUrl = (value: unknown, name: string): string =>
  isWord(value, maxUrlLength) && isHttps(value) ? value : malformed(`${name} is no https address`);

const isWord = (value: unknown, maxLength: number): value is string =>
  typeof value === 'string' && value.length <= maxLength && /^[\x21-\x7e]+$/.test(value);

const maxUrlLength = 2048;
/** A name has 253 characters at the most, an address fewer. */
const maxNameLength = 255;
const maxTypeLength = 64;
/** Authorities take a hundred names an order; each authorization is asked for by itself. */
const maxAuthorizations = 250;

const urlIn = (body: TRecord, name: string): string => checkedUrl(body[name], name);

function authorizationsIn(body: TRecord): string[] {
  const name = 'authorizations';
  const list = listIn(body, name);
  if (list.length > maxAuthorizations) malformed(`${list.length} ${name}`);
  return list.map((entry) => checkedUrl(entry, name));
}

function wordIn<T extends string>(body: TRecord, name: string, words: readonly T[]): T {
  return words.find((word) => word === body[name]) ?? malformed(`${name} is none of ${words.join(', ')}`);
}

const listIn = (body: TRecord, name: string): unknown[] => {
  const value = body[name];
  return Array.isArray(value) ? value : malformed(`${name} is no list`);
};

function identifierIn(value: unknown): IAcmeIdentifier {
  const { type, value: name } = asRecord(value);
  if ((type === 'dns' || type === 'ip') && isWord(name, maxNameLength)) return { type, value: name };
  return malformed('an identifier is neither dns nor ip');
}

const textOrNull = (value: unknown): string | null => (typeof value === 'string' ? value : null);
const textsIn = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((entry) => typeof entry === 'string') : [];

/** RFC 3339. */
function dateIn(value: unknown): number | null {
  const atMs = typeof value === 'string' && /^\d{4}-\d\d-\d\d[Tt]/.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(atMs) ? null : atMs;
}

function malformed(detail: string): never {
  throw new AcmeProblem({ type: 'malformedAnswer', detail });
}
