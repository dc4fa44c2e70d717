// The schema of limits on how often a route may be asked.

import { maxConnectionLimit, rateLimitDefaults } from './defaults.js';
import { checked, flag, option, strict, whole, word } from './schema-base.js';
import { tokenText } from './schema-text.js';

const maxWindowSeconds = 86_400;

const shape = strict('rateLimit', {
  maxRequests: whole(1, maxConnectionLimit).meta({ description: 'Requests in a window.' }),
  window: whole(1, maxWindowSeconds, 'seconds, a whole number').meta({ description: 'Seconds.' }),
  keyBy: word(['ip', 'path', 'header']).meta({ description: 'Whose requests are counted together.' }),
  headerName: option(tokenText('a field name'), "With keyBy 'header': the field."),
  burst: option(whole(1, maxConnectionLimit), 'Requests at once, of a bucket. Default: a window that slides.'),
  status: option(whole(400, 599, 'a status'), 'Of the answer to what is too much.', rateLimitDefaults.status),
  failOpen: option(
    flag(),
    'Whether requests pass while a store of the host program does not answer.',
    rateLimitDefaults.failOpen,
  ),
  storeTimeout: option(
    whole(1, 60_000, 'milliseconds, a whole number'),
    'Milliseconds for such a store to answer.',
    rateLimitDefaults.storeTimeout,
  ),
});

export const rateLimitSchema = checked(shape, ({ keyBy, headerName }) => {
  if ((keyBy === 'header') === (headerName !== undefined)) return null;
  return keyBy === 'header' ? "headerName, as keyBy is 'header'" : "no headerName, as keyBy is not 'header'";
});
