// The schema of `match`.

import { foldAddress } from '../codec/address.js';
import { readAddressPattern } from '../codec/address-pattern.js';
import * as plugins from '../plugins.js';
import { normaliseDomainPattern } from './domain-pattern.js';
import { laterValues, wantNotYet } from './later.js';
import { checked, list, option, strict, whole, word } from './schema-base.js';
import { isToken, methodText, oneOrMore, pathPattern } from './schema-text.js';

const { zod } = plugins;

const spanEnd = () => whole(1, 65_535, 'a port');

const portSpan = checked(
  strict('port span', {
    from: spanEnd().meta({ description: 'First port.' }),
    to: spanEnd().meta({ description: 'Last port, included.' }),
  }),
  ({ from, to }) => (from <= to ? null : '`from` not above `to`'),
);

const portOrSpan = zod.union([whole(0, 65_535, 'a port'), portSpan], {
  error: 'a port from 0 to 65535 or { from, to }',
});

export const portRangeSchema = zod.union(
  [whole(0, 65_535, 'a port'), portSpan, list(portOrSpan, 'ports and { from, to }', 1)],
  { error: 'a port from 0 to 65535, { from, to } or a list of them' },
);

/** An entry of an address list. */
const addressPattern = checked(zod.string({ error: 'an address, CIDR, range or glob' }), (text) => {
  const pattern = readAddressPattern(text);
  return pattern.kind === 'fault' ? pattern.want : null;
});

export const addressList = (min: number) => list(addressPattern, 'addresses, CIDRs, ranges or globs', min);

export const listenAddressSchema = checked(zod.string({ error: 'an IP address of this machine' }), (text) =>
  foldAddress(text) === '' ? 'an IP address of this machine' : null,
);

const domainPattern = checked(
  zod.string({ error: 'a host name or a pattern such as *.example.com' }),
  (text) => normaliseDomainPattern(text).want,
);

/** RFC 7301 §3.2: 1 to 255 octets. */
export const alpnName = zod
  .string({ error: 'a protocol name of 1 to 255 printable ASCII characters' })
  .regex(/^[!-~]{1,255}$/);

const ja4 = zod
  .string({ error: 'a JA4 fingerprint of a TLS ClientHello over TCP (t13d1516h2_8daaf6152771_e5627efa2ab1)' })
  .regex(/^t[0-9a-z]{2}[di]\d{4}[0-9A-Za-z]{2}_[0-9a-f]{12}_[0-9a-f]{12}$/);

export const tlsVersions = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'] as const;

const laterTransport = (input: unknown) => laterValue('match.transport', input);

/** What to say if `input` is a value that a later version knows. */
export function laterValue(optionName: string, input: unknown): string | undefined {
  const values = laterValues[optionName];
  if (values === undefined || typeof input !== 'string' || !Object.hasOwn(values, input)) return undefined;
  return wantNotYet(values[input] ?? '');
}

const wantedValue = zod.union(
  [
    zod.string({ error: 'text or a regular expression' }),
    zod
      .custom<RegExp>((value) => value instanceof RegExp, { error: 'text or a regular expression' })
      .meta({ fileForm: false }),
  ],
  { error: 'text or a regular expression' },
);

const headerName = checked(zod.string({ error: 'a field name' }), (name) => (isToken(name) ? null : 'a field name'));

const parameterName = zod.string({ error: 'the name of a parameter' }).max(256);

export const pathOption = () => option(pathPattern(), 'Of a request: /exact, /prefix/*, /users/:id/files.');

export const methodOption = () => option(oneOrMore(methodText(), 'methods'), 'Of a request: one or several.');

export const headersOption = () =>
  option(
    zod.record(headerName, wantedValue, { error: 'an object of field names and values' }),
    'Fields that a request must have: the whole value, or a pattern that is found in it.',
  );

export const matchSchema = strict('match', {
  ports: portRangeSchema.meta({
    description: 'The ports it listens on: one, { from, to } or a list. 0 takes a free port.',
  }),
  listenAddress: option(listenAddressSchema, 'Where to listen for this route instead of the global listenAddress.'),
  transport: option(word(['tcp'], laterTransport), 'Always TCP in this version.', 'tcp'),
  domains: option(
    zod.union([domainPattern, list(domainPattern, 'host names and patterns', 1)], {
      error: 'a host name, a pattern such as *.example.com or a list of them',
    }),
    'Names asked for, by SNI or the Host of a request: a.com, *.a.com, a.*, *.a.*, *.a*, * (any name).',
  ),
  clientIp: option(addressList(1), 'Client addresses: exact, CIDR, range or glob.'),
  tlsVersion: option(
    list(word(tlsVersions), 'TLS versions', 1),
    'The version that will be negotiated: the highest that the client offers.',
  ),
  alpn: option(list(alpnName, 'protocol names', 1), 'Any of these is offered by the client.'),
  ja4: option(list(ja4, 'JA4 fingerprints', 1), 'JA4 fingerprints of the ClientHello.'),
  protocol: option(word(['tls', 'http', 'other']), 'What the first bytes are; inside TLS where that is terminated.'),
  path: pathOption(),
  method: methodOption(),
  headers: headersOption(),
  query: option(
    zod.record(parameterName, wantedValue, { error: 'an object of parameters and values' }),
    'Parameters that the query of a request must have: the whole value, or a pattern that is found in it.',
  ),
});
