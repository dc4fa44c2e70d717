import type { IncomingHttpHeaders } from 'node:http';
import * as fc from 'fast-check';
import { AcmeProblem } from '../../../ts/certs/acme/acme-problem.js';
import {
  readAccount,
  readAuthorization,
  readChallenge,
  readDirectory,
  readOrder,
  readRenewalInfo,
} from '../../../ts/certs/acme/read-answers.js';
import { expect, numRuns, tap } from '../../helpers/tapbundle.js';

const url = 'https://ca.test/here';
const answer = (body: unknown, headers: IncomingHttpHeaders = {}, status = 200) => ({
  url,
  status,
  headers,
  body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
});

const directory = {
  newNonce: 'https://ca.test/nonce',
  newAccount: 'https://ca.test/account',
  newOrder: 'https://ca.test/order',
  revokeCert: 'https://ca.test/revoke',
  keyChange: 'https://ca.test/key',
};
const order = {
  status: 'pending',
  identifiers: [{ type: 'dns', value: 'a.test' }],
  authorizations: ['https://ca.test/authz/1'],
  finalize: 'https://ca.test/finalize/1',
};
const challenge = { type: 'http-01', url: 'https://ca.test/chall/1', status: 'pending', token: 'aZ0_-' };
const authorization = { status: 'pending', identifier: { type: 'dns', value: 'a.test' }, challenges: [challenge] };
const window = { suggestedWindow: { start: '2030-01-01T00:00:00Z', end: '2030-01-02T00:00:00+00:00' } };

/** Each with a good body, and the changes that make it a bad one. */
const readers: Readonly<
  Record<string, readonly [(body: unknown) => unknown, object, Readonly<Record<string, unknown>>[]]>
> = {
  directory: [
    (body) => readDirectory(answer(body)),
    directory,
    [{ newNonce: undefined }, { newOrder: 'http://ca.test/order' }, { keyChange: '/key' }, { renewalInfo: 7 }],
  ],
  order: [
    (body) => readOrder(answer(body), url, 0),
    order,
    [
      { status: 'done' },
      { status: undefined },
      { identifiers: 'a.test' },
      { identifiers: [{ type: 'email', value: 'a' }] },
      { authorizations: ['ftp://a'] },
      { authorizations: Array(251).fill('https://ca.test/authz/1') },
      { finalize: 'https://ca.test/a\nb' },
      { finalize: `https://ca.test/${'a'.repeat(2048)}` },
      { identifiers: [{ type: 'dns', value: 'a.test\nb' }] },
      { identifiers: [{ type: 'dns', value: 'a'.repeat(256) }] },
      { finalize: null },
      { certificate: 'http://ca.test/cert' },
    ],
  ],
  authorization: [
    (body) => readAuthorization(answer(body), 0),
    authorization,
    [
      { status: 'ready' },
      { identifier: null },
      { challenges: {} },
      { challenges: [{ ...challenge, token: '../../etc/passwd' }] },
      { challenges: [{ ...challenge, token: 'a'.repeat(513) }] },
      { challenges: [{ ...challenge, url: 'https//' }] },
      { challenges: [{ ...challenge, type: 7 }] },
      { challenges: [{ ...challenge, type: 'http-01\u001b[2J' }] },
    ],
  ],
  'renewal information': [
    (body) => readRenewalInfo(answer(body), 0),
    window,
    [
      { suggestedWindow: undefined },
      { suggestedWindow: { start: '2030-01-01T00:00:00Z' } },
      { suggestedWindow: { start: '2030-01-01T00:00:00Z', end: '2030-01-01T00:00:00Z' } },
      { suggestedWindow: { start: 'soon', end: 'later' } },
    ],
  ],
};

const isMalformed = (read: () => unknown): boolean => {
  try {
    read();
    return false;
  } catch (error) {
    if (error instanceof AcmeProblem) return error.type === 'malformedAnswer';
    throw error;
  }
};

for (const [what, [read, good, changes]] of Object.entries(readers)) {
  tap.test(`a good answer is read as ${what}, and one with a bad field is the server's fault`, () => {
    expect(isMalformed(() => read(good))).toBeFalse();
    for (const change of changes) {
      if (!isMalformed(() => read({ ...good, ...change }))) throw new Error(`${JSON.stringify(change)} was taken`);
    }
    for (const text of ['', 'null', '7', '[', '<html>']) expect(isMalformed(() => read(text))).toBeTrue();
  });

  tap.test(`no JSON makes reading it as ${what} fail in another way`, () => {
    const field = fc.constantFrom(...Object.keys(good));
    const change = fc.dictionary(field, fc.jsonValue());
    fc.assert(
      fc.property(change, (fields) => {
        isMalformed(() => read({ ...good, ...fields }));
      }),
      { seed: 901, numRuns: numRuns(200) },
    );
  });
}

tap.test('a page about a window is left out where it is none that people could follow', () => {
  const pageOf = (explanationURL: unknown) => readRenewalInfo(answer({ ...window, explanationURL }), 0).explanationUrl;
  expect(pageOf('https://ca.test/why')).toEqual('https://ca.test/why');
  for (const bad of ['javascript:alert(1)', 'https://ca.test/\u001b[2J', `https://ca.test/${'a'.repeat(3000)}`, 7]) {
    expect(pageOf(bad)).toEqual(null);
  }
});

tap.test('what a directory says about itself is read, and what it does not say is nothing', () => {
  const meta = {
    termsOfService: 'https://ca.test/terms',
    externalAccountRequired: true,
    caaIdentities: ['ca.test', 7],
    profiles: { classic: 'ninety days', odd: 7 },
  };
  const read = readDirectory(answer({ ...directory, renewalInfo: 'https://ca.test/ari', meta }));
  expect(read.renewalInfo).toEqual('https://ca.test/ari');
  expect(read.termsOfService).toEqual('https://ca.test/terms');
  expect(read.externalAccountRequired).toBeTrue();
  expect(read.caaIdentities).toEqual(['ca.test']);
  expect([...read.profiles]).toEqual([
    ['classic', 'ninety days'],
    ['odd', ''],
  ]);
  const bare = readDirectory(answer(directory));
  expect([bare.renewalInfo, bare.termsOfService, bare.externalAccountRequired]).toEqual([null, null, false]);
});

tap.test('an order has the address of its Location, its error, and its wait', () => {
  const headers = { location: '/order/7', 'retry-after': '5' };
  const error = { type: 'urn:ietf:params:acme:error:caa', detail: 'forbidden', status: 403 };
  const read = readOrder(
    answer({ ...order, status: 'invalid', error, expires: '2030-01-01T00:00:00Z' }, headers),
    null,
    0,
  );
  expect([read.url, read.error?.message, read.retryAfterMs, read.expiresMs]).toEqual([
    'https://ca.test/order/7',
    'caa: forbidden',
    5000,
    Date.UTC(2030, 0, 1),
  ]);
  expect(isMalformed(() => readOrder(answer(order), null, 0))).toBeTrue();
  expect(isMalformed(() => readOrder(answer(order, { location: 'http://ca.test/o' }), null, 0))).toBeTrue();
});

tap.test('a challenge without a token names the authorities that its record may give', () => {
  const persistent = { ...challenge, type: 'dns-persist-01', token: undefined, 'issuer-domain-names': ['ca.test'] };
  const read = readChallenge(answer(persistent), 0);
  expect([read.type, read.token, read.issuerDomainNames]).toEqual(['dns-persist-01', '', ['ca.test']]);
});

tap.test('an account is new or found, by the status of the answer', () => {
  const headers = { location: 'https://ca.test/account/1' };
  expect(readAccount(answer({ status: 'valid', contact: ['mailto:a@b.test'] }, headers, 201), null)).toEqual({
    url: 'https://ca.test/account/1',
    status: 'valid',
    contact: ['mailto:a@b.test'],
    created: true,
  });
  expect(readAccount(answer({}), 'https://ca.test/account/2').url).toEqual('https://ca.test/account/2');
  expect(isMalformed(() => readAccount(answer({}), null))).toBeTrue();
});

export default tap.start();
