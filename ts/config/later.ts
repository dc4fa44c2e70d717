// The names that this version knows of and does not have: they are refused by what they are for, never accepted
// silently and never taken for a misspelling.

/** What an option is for, by the place it stands in and its name. */
type TLater = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** Options by place. */
export const laterOptions: TLater = {
  options: {
    admin: 'the admin interface',
  },
};

/** Values by the option that takes them. */
export const laterValues: TLater = {
  'match.transport': { udp: 'UDP', all: 'UDP' },
};

/** What to expect instead of an option or value of a later version. */
export const wantNotYet = (what: string): string => `nothing: not available in this version (${what})`;
