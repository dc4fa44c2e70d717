// The words that this version knows of and does not have: they are refused by what they are for, never accepted
// silently and never taken for a misspelling.

/** What a value is for, by the option that takes it. */
type TLater = Readonly<Record<string, Readonly<Record<string, string>>>>;

export const laterValues: TLater = {
  'match.transport': { udp: 'UDP', all: 'UDP' },
};

/** What to expect instead of an option or value of a later version. */
export const wantNotYet = (what: string): string => `nothing: not available in this version (${what})`;
