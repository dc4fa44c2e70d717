// The names that this version knows of and does not have: they are refused by what they are for, never accepted
// silently and never taken for a misspelling.

/** What an option is for, by the place it stands in and its name. */
type TLater = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** Options by place. */
export const laterOptions: TLater = {
  options: {
    acme: 'certificates from an ACME authority',
    certificateStore: 'where certificates are kept',
    certProvisionFunction: 'certificates from a function',
    admin: 'the admin interface',
  },
  tls: { acme: 'certificates from an ACME authority' },
};

/** Values by the option that takes them. */
export const laterValues: TLater = {
  'match.transport': { udp: 'UDP', all: 'UDP' },
  'tls.certificate': {
    auto: 'certificates from an ACME authority; give { cert, key } or { certFile, keyFile }',
    internal: 'certificates from an authority of its own; give { cert, key } or { certFile, keyFile }',
  },
};

/** What to expect instead of an option or value of a later version. */
export const wantNotYet = (what: string): string => `nothing: not available in this version (${what})`;
