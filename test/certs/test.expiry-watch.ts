import { ExpiryWatch } from '../../ts/certs/expiry-watch.js';
import type { ICertificateEvent } from '../../ts/certs/manager/manager-types.js';
import type { IKnownPair } from '../../ts/certs/pair-status.js';
import { dayMs } from '../helpers/certificate-world.js';
import { makeCertificate } from '../helpers/certificates.js';
import { makeFakeClock } from '../helpers/fake-clock.js';
import { expect, tap } from '../helpers/tapbundle.js';

const { cert, key } = await makeCertificate({ names: ['a.test', 'b.test'], days: 30 });
const pairOf = (): IKnownPair['pair'] => ({ cert, key, ca: null, passphrase: null });

function makeWatch(...pairs: IKnownPair['pair'][]) {
  const clock = makeFakeClock(Date.now());
  const events: ICertificateEvent[] = [];
  const known = pairs.map(
    (pair, i): IKnownPair => ({ id: `${i}`, names: null, routes: ['shop'], source: 'file', pair }),
  );
  const watch = new ExpiryWatch({ clock, pairs: () => known, onEvent: (event) => void events.push(event) });
  return { clock, events, known, watch };
}

tap.test('people are told with a third, a fifth and a tenth of a life left, and when it is over', async () => {
  const { clock, events, watch } = makeWatch(pairOf());
  watch.look();
  const told: [number, string][] = [];
  for (let day = 1; day <= 32; day++) {
    clock.advance(dayMs);
    for (const { kind } of events.splice(0)) told.push([day, kind]);
  }
  expect(told.map(([, kind]) => kind)).toEqual(['expiring', 'expiring', 'expiring', 'expired']);
  const late = [20, 24, 27, 30].map((day, i) => (told[i]?.[0] ?? 0) - day);
  expect(late.every((days) => days === 0 || days === 1)).toBeTrue();
  watch.stop();
  expect(clock.pending).toEqual(0);
});

tap.test('the event says which certificate it is', async () => {
  const { clock, events, watch } = makeWatch(pairOf());
  clock.advance(21 * dayMs);
  watch.look();
  const [event] = events;
  expect(events).toHaveLength(1);
  expect([event?.kind, event?.names, event?.routes, event?.issuer]).toEqual([
    'expiring',
    ['a.test', 'b.test'],
    ['shop'],
    'file',
  ]);
  expect(event?.serial).toMatch(/^[0-9A-F]+$/);
  watch.stop();
});

tap.test(
  'one that takes its place begins anew, and what has passed already is told once, by its last word',
  async () => {
    const { clock, events, known, watch } = makeWatch(pairOf(), null);
    clock.advance(40 * dayMs);
    watch.look();
    watch.look();
    expect(events.map(({ kind }) => kind)).toEqual(['expired']);
    known[0] = { ...(known[0] as IKnownPair), pair: pairOf() };
    watch.look();
    expect(events).toHaveLength(2);
    watch.stop();
  },
);

tap.test('where there is nothing to watch there is no timer', async () => {
  const { clock, watch } = makeWatch();
  watch.look();
  expect(clock.pending).toEqual(0);
});

export default tap.start();
