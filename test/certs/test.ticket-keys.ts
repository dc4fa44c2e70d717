// Keys of session tickets: of one set of settings, for one day.

import { TicketKeys } from '../../ts/certs/ticket-keys.js';
import { makeFakeClock } from '../helpers/fake-clock.js';
import { expect, tap } from '../helpers/tapbundle.js';

tap.test('they stay for a day, then there are others, and no two settings share any', () => {
  const clock = makeFakeClock();
  const keys = new TicketKeys(clock);
  const today = keys.present;
  expect(today.length).toEqual(48);
  clock.advance(86_399_999);
  expect(keys.present).toBe(today);
  clock.advance(1);
  expect(keys.present.equals(today)).toEqual(false);
  expect(new TicketKeys(clock).present.equals(keys.present)).toEqual(false);
});

tap.test(
  'those with one secret are the same wherever they are made, other for other settings, and change with it',
  () => {
    const clock = makeFakeClock();
    let secret = Buffer.alloc(32, 1);
    const [here, there, other] = ['a', 'a', 'b'].map((scope) => new TicketKeys(clock, scope, () => secret)) as [
      TicketKeys,
      TicketKeys,
      TicketKeys,
    ];
    const before = here.present;
    expect(before.length).toEqual(48);
    expect(there.present.equals(before)).toBeTrue();
    expect(other.present.equals(before)).toBeFalse();
    clock.advance(86_400_000);
    expect(here.present).toBe(before);
    secret = Buffer.alloc(32, 2);
    expect(here.present.equals(before)).toBeFalse();
    expect(here.present.equals(there.present)).toBeTrue();
  },
);

export default tap.start();
