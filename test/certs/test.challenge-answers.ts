// What authorities find when they look for a challenge: answers in memory, by token and by name.

import { randomBytes } from 'node:crypto';
import { connect, createServer } from 'node:net';
import tls from 'node:tls';
import { ChallengeAnswers } from '../../ts/certs/challenge-answers.js';
import type { IChallengeToShow, TChallengeKind } from '../../ts/certs/manager/manager-types.js';
import { arpaNameOf } from '../../ts/certs/names.js';
import { makeAcme } from '../helpers/certificate-world.js';
import { expect, tap } from '../helpers/tapbundle.js';

const never = new AbortController().signal;

const challenge = (name: string, some: Partial<IChallengeToShow> = {}): IChallengeToShow => ({
  kind: 'http-01' as TChallengeKind,
  name,
  token: randomBytes(16).toString('base64url'),
  keyAuthorization: randomBytes(32).toString('base64url'),
  dnsValue: '',
  acme: makeAcme(),
  ...some,
});

tap.test('a token is answered from present to cleanup, as often as it is asked', async () => {
  const answers = new ChallengeAnswers();
  expect(answers.pending).toBeFalse();
  const [one, other] = [challenge('a.test'), challenge('b.test')];
  await answers.http.present(one, never);
  await answers.http.present(other, never);
  expect(answers.pending).toBeTrue();
  for (let i = 0; i < 3; i++) expect(answers.answerTo(one.token)).toEqual(one.keyAuthorization);
  await answers.http.cleanup(one);
  expect(answers.answerTo(one.token)).toEqual(null);
  expect(answers.answerTo(other.token)).toEqual(other.keyAuthorization);
  await answers.http.cleanup(other);
  expect(answers.pending).toBeFalse();
});

tap.test('tokens that are none are not answered and not taken', async () => {
  const answers = new ChallengeAnswers();
  for (const token of ['', '../x', '..%2fx', 'a/b', 'a\n', 'a b', 'ä', '.']) {
    await expect(answers.http.present(challenge('a.test', { token }), never)).rejects.toThrow(/the token is none/);
  }
  expect(answers.pending).toBeFalse();
  const known = challenge('a.test');
  await answers.http.present(known, never);
  for (const token of ['__proto__', 'constructor', 'toString', '', `${known.token}/`, `${known.token}%00`]) {
    expect(answers.answerTo(token)).toEqual(null);
  }
  for (let i = 0; i < 10_000; i++) expect(answers.answerTo(randomBytes(16).toString('base64url'))).toEqual(null);
});

/** The certificate that a client with this name, and the protocol of challenges alone, is shown. */
async function shownBy(answers: ChallengeAnswers, servername: string): Promise<tls.PeerCertificate & { alpn: string }> {
  const context = answers.contextFor(servername);
  if (context === null) throw new Error(`nothing for ${servername}`);
  await using server = createServer((socket) => void context.server.emit('connection', socket)).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  const client = tls.connect({
    socket: connect(port, '127.0.0.1'),
    servername,
    ALPNProtocols: ['acme-tls/1'],
    rejectUnauthorized: false,
  });
  await new Promise((resolve, reject) => client.once('secureConnect', resolve).once('error', reject));
  const shown = Object.assign(client.getPeerCertificate(), { alpn: String(client.alpnProtocol) });
  client.destroy();
  return shown;
}

tap.test('names and addresses are shown their certificate, which says the key authorization', async () => {
  const answers = new ChallengeAnswers();
  const all = ['a.test', '192.0.2.7', '2001:db8::7'].map((name) => challenge(name, { kind: 'tls-alpn-01' }));
  for (const one of all) await answers.tls.present(one, never);
  expect(answers.pending).toBeTrue();
  const names = ['a.test', arpaNameOf('192.0.2.7'), arpaNameOf('2001:db8::7')];
  const alternatives: string[] = [];
  for (const name of names) {
    const { subjectaltname, alpn } = await shownBy(answers, name);
    expect(alpn).toEqual('acme-tls/1');
    alternatives.push(subjectaltname ?? '');
  }
  expect(alternatives).toEqual(['DNS:a.test', 'IP Address:192.0.2.7', 'IP Address:2001:DB8:0:0:0:0:0:7']);
  for (const name of ['b.test', '', '192.0.2.7', 'A.TEST']) expect(answers.contextFor(name)).toEqual(null);
  for (const one of all) await answers.tls.cleanup(one);
  expect(answers.pending).toBeFalse();
});

tap.test('of two orders for one name each takes away its own answer', async () => {
  const answers = new ChallengeAnswers();
  const [first, second] = [challenge('a.test', { kind: 'tls-alpn-01' }), challenge('a.test', { kind: 'tls-alpn-01' })];
  await answers.tls.present(first, never);
  const shownFirst = answers.contextFor('a.test');
  await answers.tls.present(second, never);
  const shownSecond = answers.contextFor('a.test');
  expect(shownSecond === shownFirst).toBeFalse();
  await answers.tls.cleanup(first);
  expect(answers.contextFor('a.test') === shownSecond).toBeTrue();
  await answers.tls.cleanup(second);
  expect(answers.contextFor('a.test')).toEqual(null);
});

tap.test('an order that was ended while its certificate was made shows nothing', async () => {
  const answers = new ChallengeAnswers();
  const ending = new AbortController();
  const shown = answers.tls.present(challenge('a.test', { kind: 'tls-alpn-01' }), ending.signal);
  ending.abort(new Error('over'));
  await expect(shown).rejects.toThrow(/over/);
  expect(answers.pending).toBeFalse();
});

export default tap.start();
