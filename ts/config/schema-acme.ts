// The schema of certificates that the proxy gets by itself.

import * as plugins from '../plugins.js';
import { acmeDefaults } from './defaults.js';
import { checked, flag, func, label, list, milliseconds, option, strict, whole, word } from './schema-base.js';
import { pemText } from './schema-text.js';
import type { IDnsHook, IOnDemand } from './types.js';

const { zod } = plugins;

export const challengeKinds = ['http-01', 'tls-alpn-01', 'dns-01', 'dns-persist-01'] as const;
const keyTypes = ['ecdsa-p256', 'ecdsa-p384', 'rsa-2048', 'rsa-4096'] as const;

const wantEmail = 'an e-mail address, or null for none';

/** RFC 8555 §7.3 takes mailto URLs; commas and parameters would make one address several. */
const email = () =>
  checked(zod.union([zod.string(), zod.null()], { error: wantEmail }), (given) =>
    given === null || /^[^\s@,;?&%<>"]+@[^\s@,;?&%<>"]+$/.test(given) ? null : wantEmail,
  );

/** Keys and orders go there. */
const directoryUrl = () =>
  checked(zod.string({ error: 'the https URL of a directory' }), (text) =>
    /^https:\/\/[^\s@]+$/.test(text) && URL.canParse(text) ? null : 'the https URL of a directory',
  );

const wantChallenges = 'challenges, each once';
const challenges = checked(list(word(challengeKinds), 'challenges', 1), (kinds) =>
  new Set(kinds).size === kinds.length ? null : wantChallenges,
);

const profileName = () => label(100);
const profileSchema = strict('profile', {
  name: profileName().meta({ description: "A profile of the authority's." }),
  prefer: option(flag(), 'true: without a profile where the authority does not have it.', false),
});

const eabSchema = strict('eab', {
  kid: label(1000).meta({ description: "The key's name." }),
  hmacKey: zod
    .string({ error: 'a key in base64url' })
    .regex(/^[\w-]{16,1024}={0,2}$/, { error: 'a key in base64url' })
    .meta({ description: 'The key, base64url.' }),
});

const propagationDelay = () =>
  option(milliseconds(0), 'Milliseconds from setting a record until the authority is told.', 0);

const dnsHookSchema = strict('dns', {
  set: func<IDnsHook['set']>().meta({ description: 'Sets a TXT record.' }),
  remove: func<IDnsHook['remove']>().meta({ description: 'Removes the record with that value.' }),
  propagationDelay: propagationDelay(),
}).meta({ fileForm: false });

const dnsCommandSchema = strict('dns command', {
  command: list(zod.string({ error: 'text' }).min(1), 'the program and its arguments', 1).meta({
    description: "The program and its first arguments; 'set' or 'remove', name and value follow.",
  }),
  propagationDelay: propagationDelay(),
});

const onDemandSchema = strict('onDemand', {
  ask: func<IOnDemand['ask']>().meta({ description: 'Whether there may be a certificate for a name.' }),
  maxPerHour: option(whole(1, 1_000_000), 'New names that are ordered in an hour.', acmeDefaults.maxPerHour),
}).meta({ fileForm: false });

const port = () => whole(0, 65_535, 'a port');

export const acmeSchema = strict('acme', {
  email: option(email(), 'Where the authority may write to; null: none on purpose.'),
  accountEmail: option(email(), 'The same as email.'),
  useProduction: option(flag(), "Let's Encrypt's production in place of its staging.", acmeDefaults.useProduction),
  directoryUrl: option(
    zod.union([directoryUrl(), list(directoryUrl(), 'directories', 1)], {
      error: 'the https URL of a directory, or a list',
    }),
    'Directories of other authorities, in the order in which they are tried.',
  ),
  directoryCa: option(
    pemText('certificates of authorities'),
    "PEM of the authorities that the directory's own certificate may come from. Default: Node's.",
  ),
  challengePort: option(port(), 'Where HTTP-01 is answered.', acmeDefaults.challengePort),
  port: option(port(), 'The same as challengePort.'),
  challenges: option(challenges, "In order of preference. Default: 'http-01', 'tls-alpn-01'; with dns 'dns-01'."),
  renewBeforeDays: option(
    whole(1, 3650, 'days, a whole number'),
    'Days before the end at which a certificate is renewed at the latest. Default: a third of its life.',
  ),
  profile: option(
    zod.union([profileName(), profileSchema], { error: 'the name of a profile, or { name, prefer }' }),
    'A certificate profile of the authority.',
  ),
  keyType: option(word(keyTypes), "The kind of the certificate's key.", acmeDefaults.keyType),
  eab: option(eabSchema, 'External account binding.'),
  dns: option(
    zod.union([dnsHookSchema, dnsCommandSchema], { error: '{ set, remove } or { command }' }),
    'Sets TXT records for DNS-01.',
  ),
  onDemand: option(onDemandSchema, 'Certificates for names that match.domains does not spell out.'),
  preferredChain: option(label(200), 'The common name of the root that the chain should end at.'),
  strictExpiry: option(flag(), 'An expired certificate is not served any more.', acmeDefaults.strictExpiry),
});
