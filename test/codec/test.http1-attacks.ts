import { normalisePath, splitTarget } from '../../ts/codec/http-path.js';
import { decodeRequestHead } from '../../ts/codec/http1-request.js';
import { decodeRequest, decodeSlowly, latin1, readContent, testHeadLimits } from '../helpers/read-http1.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { http1Attacks, type IHttp1Attack } from '../vectors/http1-attacks.js';

/** What the codec makes of an attack, in the words of its expectation. */
function treatmentOf({ raw }: IHttp1Attack, step?: number): unknown {
  const bytes = latin1(raw);
  const answer = decodeRequestHead(bytes, 0, testHeadLimits);
  if (answer.kind === 'short') return 'short';
  if (answer.kind === 'broken') return { status: answer.status };
  const { method, target, authority, contentLength } = answer.value;
  const { path, query } = splitTarget(target);
  const normal = normalisePath(path);
  if (normal === null) return { status: 400 };
  const content = readContent(bytes, answer.used, contentLength, step);
  if (content.fault !== null) return { status: 400, part: 'content' };
  if (content.end !== bytes.length) return `${content.end} of ${bytes.length}`;
  return { method, target: `${normal}${query}`, authority, body: content.body };
}

function expectationOf({ expect: wanted }: IHttp1Attack): unknown {
  if ('status' in wanted) return wanted;
  const { absent: _absent, ...forwarded } = wanted.forwarded;
  return forwarded;
}

/** Title by title it is easier to see which one failed. */
const families = new Map<string, IHttp1Attack[]>();
for (const attack of http1Attacks) {
  const name = attack.name.slice(0, attack.name.indexOf(':'));
  families.set(name, [...(families.get(name) ?? []), attack]);
}

tap.test('the corpus has hundreds of attacks, each with a name of its own and an origin', async () => {
  expect(http1Attacks.length).toBeGreaterThan(300);
  expect(new Set(http1Attacks.map(({ name }) => name)).size).toEqual(http1Attacks.length);
  expect(new Set(http1Attacks.map(({ raw }) => raw)).size).toEqual(http1Attacks.length);
  expect(http1Attacks.filter(({ origin, raw }) => origin === '' || /[^\0-\xff]/.test(raw))).toEqual([]);
});

for (const [name, attacks] of families) {
  tap.test(`attacks of the kind "${name}" are treated as they must be (${attacks[0]?.origin})`, async () => {
    const faults = attacks
      .map((attack) => ({ name: attack.name, is: treatmentOf(attack), wanted: expectationOf(attack) }))
      .filter(({ is, wanted }) => JSON.stringify(is) !== JSON.stringify(wanted));
    expect(faults).toEqual([]);
  });
}

tap.test('no attack is treated otherwise if it comes in pieces', async () => {
  for (const attack of http1Attacks) {
    const bytes = latin1(attack.raw);
    for (const step of bytes.length > 2_000 ? [997] : [1, 2, 3, 7]) {
      try {
        decodeSlowly(decodeRequest(), bytes, step);
      } catch (error) {
        throw new Error(`${attack.name}, ${step} at a time`, { cause: error });
      }
    }
    if (bytes.length > 2_000) continue;
    for (const step of [1, 2, 3]) expect(treatmentOf(attack, step)).toEqual(expectationOf(attack));
  }
});

export default tap.start();
