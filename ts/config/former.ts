// Options of the time before routes: whoever gives them to a proxy hears what makes routes of them.

const ofPorts = ['fromPort', 'toPort', 'targetIP', 'globalPortRanges', 'forwardAllGlobalRanges'];
const ofNames = ['domainConfigs', 'sniEnabled', 'defaultAllowedIPs', 'defaultBlockedIPs'];

const formerOptions: ReadonlySet<string> = new Set([...ofPorts, ...ofNames]);

/** What to expect instead of an option; null: it never was one. */
export const wantFormer = (place: string, key: string): string | null =>
  place === 'options' && formerOptions.has(key)
    ? 'nothing: convertLegacyOptions makes routes of the older options'
    : null;
