import fc from 'fast-check';
import type { TFields } from '../../ts/codec/http-message.js';
import { decodeRequestHead } from '../../ts/codec/http1-request.js';
import { decodeResponseHead } from '../../ts/codec/http1-response.js';
import { requestSoup, responseSoup } from '../helpers/http1-soup.js';
import { type ISecondOpinion, llhttpMethods, readWithLlhttp } from '../helpers/llhttp.js';
import { latin1, readContent, testHeadLimits } from '../helpers/read-http1.js';
import { expect, numRuns, tap } from '../helpers/tapbundle.js';
import { http1Attacks } from '../vectors/http1-attacks.js';

/** How many messages we took, how many streams had none. */
const counts = { accepted: 0, refused: 0 };

function check(isRight: boolean, what: string, bytes: Buffer, other: unknown): void {
  if (!isRight) throw new Error(`${what}: ${JSON.stringify(bytes.toString('latin1'))} ${JSON.stringify(other)}`);
}

/** Those that we set apart are compared by what we made of them. */
const apartOfRequest = /^(host|expect|content-length|transfer-encoding)$/i;
const apartOfResponse = /^(content-length|transfer-encoding)$/i;

function without(fields: TFields, apart: RegExp): string[] {
  const kept: string[] = [];
  for (let at = 0; at < fields.length; at += 2) {
    const [name = '', value = ''] = fields.slice(at, at + 2);
    if (!apart.test(name)) kept.push(name, value);
  }
  return kept;
}

/** A trailer that we keep is one that it saw; those that we drop are no difference. */
function checkTrailers(ours: TFields | null, theirs: TFields, bytes: Buffer): void {
  const seen = new Set<string>();
  for (let at = 0; at < theirs.length; at += 2) seen.add(`${theirs[at]}: ${theirs[at + 1]}`);
  for (let at = 0; ours !== null && at < ours.length; at += 2) {
    check(seen.has(`${ours[at]}: ${ours[at + 1]}`), 'trailer', bytes, theirs);
  }
}

function checkEnd(kind: 'request' | 'response', bytes: Buffer, head: boolean): ISecondOpinion {
  const { messages, error } = readWithLlhttp(kind, bytes, { head });
  check(error === '' && messages.length === 1, 'refused or divided', bytes, { error, messages });
  const [message] = messages;
  if (message?.complete !== true) throw new Error(`not complete: ${JSON.stringify(bytes.toString('latin1'))}`);
  // One octet less must not be enough.
  const less = readWithLlhttp(kind, bytes.subarray(0, -1), { head });
  check(less.error === '' && less.messages[0]?.complete !== true, 'complete before its end', bytes, less);
  return message;
}

/** All requests that we accept; each must be one request to llhttp, with the same words, fields, content and end. */
function compareRequests(bytes: Buffer): number {
  let at = 0;
  let taken = 0;
  while (at < bytes.length) {
    const answer = decodeRequestHead(bytes, at, testHeadLimits);
    if (answer.kind !== 'done') break;
    const head = answer.value;
    const content = readContent(bytes, at + answer.used, head.contentLength);
    if (content.end < 0) break;
    const slice = withKnownMethod(bytes.subarray(at, content.end), head.method);
    const theirs = checkEnd('request', slice, false);
    check(theirs.major === 1 && `1.${theirs.minor}` === head.version, 'version', slice, theirs);
    check(theirs.method === head.method || !llhttpMethods.includes(head.method), 'method', slice, theirs);
    check(
      targetOf(theirs, head.method) === (head.method === 'CONNECT' ? head.authority : head.target),
      'target',
      slice,
      theirs,
    );
    expect(without(theirs.fields, apartOfRequest)).toEqual(head.fields);
    check(theirs.body === content.body, 'content', slice, theirs);
    check(head.upgrade === null || theirs.upgrade, 'upgrade', slice, theirs);
    checkTrailers(content.trailers, theirs.trailers, slice);
    taken++;
    if (head.close || head.upgrade !== null || head.method === 'CONNECT') break;
    at = content.end;
  }
  return taken;
}

/** It has a list of methods; ours are any token. */
function withKnownMethod(slice: Buffer, method: string): Buffer {
  if (llhttpMethods.includes(method)) return slice;
  return latin1(slice.toString('latin1').replace(method, 'PUT'));
}

function targetOf({ url }: ISecondOpinion, method: string): string {
  const absolute = /^https?:\/\/[^/?]*(.*)$/i.exec(url);
  if (absolute === null || method === 'CONNECT') return url;
  const rest = absolute[1] ?? '';
  if (rest === '' && method === 'OPTIONS') return '*';
  return rest.startsWith('/') ? rest : `/${rest}`;
}

function compareResponses(bytes: Buffer, method: string): number {
  let at = 0;
  let taken = 0;
  while (at < bytes.length) {
    const answer = decodeResponseHead(bytes, at, testHeadLimits, method);
    if (answer.kind !== 'done') break;
    const head = answer.value;
    const start = at + answer.used;
    if (head.framing === 'close') {
      const { messages, error } = readWithLlhttp('response', bytes.subarray(at), { ends: true });
      check(error === '' && messages.length === 1 && messages[0]?.complete === true, 'to the end', bytes, {
        error,
        messages,
      });
      check(messages[0]?.body === bytes.toString('latin1', start), 'content to the end', bytes, messages);
      return taken + 1;
    }
    const content = readContent(
      bytes,
      start,
      head.framing === 'chunked' ? -1 : head.framing === 'none' ? 0 : head.contentLength,
    );
    if (content.end < 0) break;
    const slice = bytes.subarray(at, content.end);
    const theirs = checkEnd('response', slice, method === 'HEAD');
    check(theirs.status === head.status && theirs.major === 1, 'status', slice, theirs);
    expect(without(theirs.fields, apartOfResponse)).toEqual(head.fields);
    check(theirs.body === content.body, 'content', slice, theirs);
    checkTrailers(content.trailers, theirs.trailers, slice);
    taken++;
    if (!head.keepAlive) break;
    at = content.end;
  }
  return taken;
}

function count(taken: number): void {
  if (taken === 0) counts.refused++;
  counts.accepted += taken;
}

tap.test('a generated request that we accept is the same request to llhttp, with the same end', async () => {
  Object.assign(counts, { accepted: 0, refused: 0 });
  const runs = numRuns(2000);
  fc.assert(
    fc.property(requestSoup, (text) => count(compareRequests(latin1(text)))),
    { seed: 401, numRuns: runs, includeErrorInReport: true },
  );
  // Both kinds were there in numbers, or the test says nothing.
  expect(counts.accepted).toBeGreaterThan(runs / 5);
  expect(counts.refused).toBeGreaterThan(runs / 10);
});

tap.test('a generated response that we accept is the same response to llhttp, with the same end', async () => {
  Object.assign(counts, { accepted: 0, refused: 0 });
  const runs = numRuns(2000);
  fc.assert(
    fc.property(responseSoup, fc.constantFrom('GET', 'HEAD', 'POST'), (text, method) => {
      count(compareResponses(latin1(text), method));
    }),
    { seed: 402, numRuns: runs, includeErrorInReport: true },
  );
  expect(counts.accepted).toBeGreaterThan(runs / 5);
  expect(counts.refused).toBeGreaterThan(runs / 10);
});

tap.test('an attack that we treat as a request is the same request to llhttp', async () => {
  let taken = 0;
  for (const { raw } of http1Attacks) taken += compareRequests(latin1(raw));
  expect(taken).toBeGreaterThan(50);
});

tap.test('an attack with one octet changed is no more than that', async () => {
  const attacks = fc.constantFrom(...http1Attacks.filter(({ raw }) => raw.length < 1_000).map(({ raw }) => raw));
  fc.assert(
    fc.property(attacks, fc.nat(1_000), fc.integer({ min: 0, max: 255 }), (raw, at, octet) => {
      const bytes = latin1(raw);
      bytes[at % bytes.length] = octet;
      compareRequests(bytes);
    }),
    { seed: 403, numRuns: numRuns(2000), includeErrorInReport: true },
  );
});

export default tap.start();
