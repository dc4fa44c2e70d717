// The schema of HTTP authentication by passwords that are given as text, and what all authentication has.

import * as plugins from '../plugins.js';
import { basicDefaults, maxCredentials } from './defaults.js';
import { checked, list, option, strict, word } from './schema-base.js';

const { zod } = plugins;

const maxLength = 1000;

const text = (want: string, unfit: RegExp) =>
  checked(zod.string({ error: want }), (value) =>
    value.length > 0 && value.length <= maxLength && !unfit.test(value) ? null : want,
  );

// RFC 7617 §2: no control characters, and the first colon ends the name. What UTF-8 cannot say, and the character that stands
// for what could not be read, would be the same as any other such.
export const username = text(
  `a name of 1 to ${maxLength} characters without : and control characters`,
  /[:\p{Cc}\p{Cs}\ufffd]/u,
);
export const password = text(
  `a password of 1 to ${maxLength} characters without control characters`,
  /[\p{Cc}\p{Cs}\ufffd]/u,
);

/** It is written as a quoted string of ASCII, as it is. */
export const realm = text(`1 to ${maxLength} printable ASCII characters without " and \\`, /[^\x20-\x7e]|["\\]/);

const credentialsSchema = strict('credentials', {
  username: username.meta({ description: 'Without a colon.' }),
  password: password.meta({ description: 'As text; what is kept of it is a digest.' }),
});

export const authenticationSchema = strict('authentication', {
  type: word(['basic']).meta({ description: "'basic' (RFC 7617)." }),
  credentials: list(credentialsSchema, `1 to ${maxCredentials} pairs of username and password`, 1)
    .max(maxCredentials)
    .meta({ description: 'Who is let in.' }),
  realm: option(realm, 'What clients are told that the credentials are for.', basicDefaults.realm),
});
