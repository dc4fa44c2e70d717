// Where a redirect leads. What was asked for stands in it, so that nothing of that may mean anything there.

/** Gives the text for a placeholder; `target` is the path as it was asked for, with its query. */
export interface ILocationValues {
  get(name: string): string;
}

/** The URL or the path to go to; null if its host is missing. In templates even places are literal, odd ones names. */
export function locationOf(template: readonly string[], values: ILocationValues): string | null {
  let text = literal(template[0] ?? '');
  for (let at = 1; at < template.length; at += 2) {
    const given = part(template[at] as string, values);
    const next = literal(template[at + 1] ?? '');
    // Slashes of the template and of the path would add up, to another path or, in front, to another host.
    text = text.endsWith('/') && !text.endsWith('//') && given.startsWith('/') ? text + given.slice(1) : text + given;
    text += next;
  }
  if (/^(?:[a-z][a-z\d+.-]*:)?\/\/(?:[/:?#]|$)/i.test(text) && namesHost(template)) return null;
  // `//host` is a URL without its scheme: only the template may name a host.
  return namesHost(template) ? text : text.replace(/^\/{2,}/, '/');
}

const namesHost = (template: readonly string[]): boolean => /^(?:[a-z][a-z\d+.-]*:)?\/\//i.test(template[0] ?? '');

function part(name: string, values: ILocationValues): string {
  if (name === 'path') {
    const target = values.get('target');
    return encode(target.startsWith('/') ? target : '/');
  }
  const text = values.get(name);
  if (name === 'domain') return text.includes(':') ? `[${text}]` : text;
  return name === 'query' ? encode(text) : encodeText(text);
}

/** What cannot stand in a path or a query (RFC 3986 §3.3, §3.4), and a per cent sign that encodes nothing. */
const unfit = /[^\w\-.~!$&'()*+,;=:@/?%[\]]|%(?![\da-fA-F]{2})/g;

/** Each character is an octet as it was received. */
const encode = (text: string): string => text.replace(unfit, hex);

const hex = (character: string): string => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;

/** The operator's own text: a URL in any script. */
const literal = (text: string): string => text.replace(/[^\x21-\x7e]+/g, encodeText).replace(/["<>\\^`{|}]/g, hex);

/** Text of any kind as a part of a URL; what is no text (a lone surrogate) is replaced. */
const encodeText = (text: string): string =>
  text.replace(/[^A-Za-z0-9\-._~]+/g, (run) =>
    Buffer.from(run, 'utf8')
      .toString('latin1')
      .replace(/[^A-Za-z0-9\-._~]/g, hex),
  );
