// One request by Node's client, to see that a proxy does what all of them are measured with.

import http from 'node:http';
import https from 'node:https';
import { seenRightly, sizes } from './http-origin.mjs';
import { answerField, host } from './http-plan.mjs';

function get(port, path, isTls) {
  const options = { host: '127.0.0.1', port, path, agent: false, headers: { host } };
  return new Promise((resolve, reject) => {
    const request = (isTls ? https : http).get({ ...options, servername: host, rejectUnauthorized: false });
    request.on('error', reject).on('response', (response) => {
      const parts = [];
      response.on('data', (part) => parts.push(part)).on('error', reject);
      response.on('end', () => resolve({ response, body: Buffer.concat(parts) }));
    });
  });
}

/** Throws unless target and client see what lib/http-plan.mjs says, and the whole content arrives. */
export async function checkHttp(port, path, isTls) {
  const seen = await get(port, '/seen', isTls);
  const { statusCode, headers } = seen.response;
  if (statusCode !== 200 || headers[answerField.name.toLowerCase()] !== answerField.value) {
    throw new Error(`the answer lacks what it should have: ${statusCode} ${JSON.stringify(headers)}`);
  }
  if (!seenRightly(seen.body.toString(), isTls)) throw new Error(`the target sees ${JSON.stringify(`${seen.body}`)}`);
  const { body } = await get(port, path, isTls);
  if (body.length !== sizes[path]) throw new Error(`${path} has ${body.length} bytes`);
}
