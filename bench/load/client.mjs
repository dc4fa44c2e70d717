// The load generator. A message names the work and how much of it; the answer is `{ wallMs, ... }` or `{ error }`.

import { receive, send } from './bulk.mjs';
import { churn } from './churn.mjs';
import { handshake } from './handshake.mjs';
import { close, open } from './hold.mjs';
import { closeHttps, openHttps } from './hold-https.mjs';
import { download } from './http-download.mjs';
import { upload } from './http-upload.mjs';
import { requestResponse } from './request-response.mjs';
import { webSocket } from './web-socket.mjs';

const works = {
  churn,
  close,
  closeHttps,
  download,
  handshake,
  open,
  openHttps,
  receive,
  requestResponse,
  send,
  upload,
  webSocket,
};

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
