// Credentials are compared by the same work, whoever is named and wherever they differ: counted, since time tells nothing on a busy machine.

import { resolveBasic } from '../../../ts/config/resolve-basic.js';
import { hasCredentials } from '../../../ts/flow/guard/basic-auth.js';
import { comparisonsOf } from '../../helpers/comparisons.js';
import { expect, tap } from '../../helpers/tapbundle.js';

const users = ['ann', 'bob', 'carol', 'dave'];
const credentials = users.map((username) => ({ username, password: `the password of ${username}` }));
const rules = resolveBasic([{ authentication: { type: 'basic', credentials } }]) ?? [];

tap.test('whatever is sent, it is compared with all credentials there are, by digests of one length', async () => {
  const basic = (text: string) => ['Authorization', `Basic ${Buffer.from(text).toString('base64')}`];
  const sent: readonly (readonly [fields: string[], passes: boolean])[] = [
    [basic('ann:the password of ann'), true],
    [basic('dave:the password of dave'), true],
    [basic('ann:the password of anm'), false],
    [basic('ann:x'), false],
    [basic('nobody:the password of ann'), false],
    [basic(`ann:${'x'.repeat(8_000)}`), false],
    [basic(''), false],
    [['Authorization', 'Bearer x'], false],
    [[], false],
  ];
  for (const [fields, passes] of sent) {
    let result = !passes;
    const pairs = comparisonsOf(() => {
      result = hasCredentials(rules, fields);
    });
    expect([fields.join(), result, pairs]).toEqual([fields.join(), passes, users.map(() => [32, 32])]);
  }
});

export default tap.start();
