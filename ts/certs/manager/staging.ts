// Where issuers let people try out.

/** The directory in which failures cost nothing; null: that issuer has none that we know of. */
export const stagingOf = (directoryUrl: string): string | null => known.get(directoryUrl) ?? null;

const known: ReadonlyMap<string, string> = new Map([
  ['https://acme-v02.api.letsencrypt.org/directory', 'https://acme-staging-v02.api.letsencrypt.org/directory'],
]);
