// The load generator. A message names the work and how much of it; the answer is `{ wallMs, ... }` or `{ error }`.

import { receive, send } from './bulk.mjs';
import { churn } from './churn.mjs';
import { handshake } from './handshake.mjs';
import { close, open } from './hold.mjs';
import { requestResponse } from './request-response.mjs';

const works = { churn, close, handshake, open, receive, requestResponse, send };

process.on('message', async ({ id, work, ...amount }) => {
  const startedMs = performance.now();
  try {
    const result = await works[work](amount);
    process.send({ id, result: { wallMs: performance.now() - startedMs, ...result } });
  } catch (error) {
    process.send({ id, error: `${work}: ${error.message}` });
  }
});
process.on('disconnect', () => process.exit());
process.send({ ready: true });
