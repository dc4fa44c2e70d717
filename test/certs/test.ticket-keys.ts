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

export default tap.start();
