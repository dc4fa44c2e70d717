// What targets make of a path: each way of reading that some server or framework has.

type THabit = (path: string) => string;

/**
 * Octets of characters that are longer than needed, decoding more than once, texts that end at NUL, parameters of segments, slashes that are decoded first, backslashes, dots and spaces
 * that Windows leaves out at the end of a name, two slashes for one.
 */
const habits: readonly THabit[] = [
  (path) =>
    path.replace(/%c([01])%([89ab][0-9a-f])/gi, (_, high: string, low: string) => {
      const code = Number(high) * 64 + (Number.parseInt(low, 16) % 64);
      return `%${code.toString(16).padStart(2, '0')}`;
    }),
  (path) => path.replace(/%25(?=[0-9a-f]{2})/gi, '%'),
  (path) => path.replace(/%(?:00|3f|23).*$/is, ''),
  (path) => path.replace(/(?:;|%3b)[^/]*/gi, ''),
  (path) => path.replace(/%2f/gi, '/'),
  (path) => path.replace(/%5c|\\/gi, '/'),
  (path) => path.replace(/(?<=[^/.])(?:\.|%20)+(?=\/|$)/g, ''),
  (path) => path.replace(/\/{2,}/g, '/'),
];

/** All readings of the path of a target, its query left out. */
export function readingsOf(target: string): ReadonlySet<string> {
  const path = target.replace(/[?#].*$/s, '');
  const readings = new Set<string>();
  for (let some = 0; some < 1 << habits.length; some++) {
    const read = habits.reduce((text, habit, at) => ((some & (1 << at)) === 0 ? text : habit(text)), path);
    // What was removed may leave two slashes where a segment was.
    readings.add(resolved(decoded(read)));
    readings.add(resolved(decoded(read).replace(/\/{2,}/g, '/')));
  }
  return readings;
}

/** Each octet that is encoded; bytes that are no UTF-8 stay apart from every other path. */
const decoded = (path: string): string =>
  path.replace(/%([0-9a-f]{2})/gi, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));

/** RFC 3986 §5.2.4. */
function resolved(path: string): string {
  const out: string[] = [];
  for (const segment of path.split('/').slice(1)) {
    if (segment === '..') out.pop();
    else if (segment !== '.') out.push(segment);
  }
  return `/${out.join('/')}`;
}

export const canMean = (target: string, path: string): boolean => readingsOf(target).has(path);
