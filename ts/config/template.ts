// Texts with placeholders: values of header fields, where redirects lead, paths of WebSocket handshakes.

/** What placeholders may name. */
export const templateNames = [
  'clientIp',
  'domain',
  'port',
  'path',
  'query',
  'method',
  'requestId',
  'routeName',
  'tlsVersion',
] as const;

/** A name in braces; any other brace is itself. */
const placeholder = /\{([A-Za-z]\w*)\}/;

/** The text in pieces: even places are literal text, `''` included, odd ones names of placeholders. Frozen. */
export const parseTemplate = (text: string): readonly string[] => Object.freeze(text.split(placeholder));

/** The first placeholder that nothing is known of; null if there is none. */
export function unknownPlaceholder(text: string): string | null {
  if (!text.includes('{')) return null;
  const pieces = text.split(placeholder);
  return pieces.find((name, index) => index % 2 === 1 && !known.has(name)) ?? null;
}

const known: ReadonlySet<string> = new Set(templateNames);
