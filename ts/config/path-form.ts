// A pattern of `match.path` in the form that requests' paths are brought to before they are compared.

/** More would make a long hostile path expensive. */
const maxStars = 4;
const maxLength = 2048;

/** What a path can hold as it is (RFC 3986 §3.3), and the magic of globs. */
const plainText = /^[\w\-.~!$&'()*+,;=:@%/[\]{}^|]*$/;

/** What is wanted instead of `text`; null if it is a pattern. */
export function pathPatternFault(text: string): string | null {
  if (!/^\/(?!\/)/.test(text)) return 'a path that begins with one /';
  if (text.length > maxLength) return `a path of at most ${maxLength} characters`;
  if (/[?#]/.test(text)) return 'a path without ? and # (for parameters use match.query)';
  const path = normalisePathPattern(text);
  if (!plainText.test(path) || /%(?![0-9A-F]{2})/.test(path)) return 'a path as URLs have it, or a pattern of one';
  if (path.split('/').some((segment) => segment === '.' || segment === '..')) return 'a path without . and .. segments';
  if (path.split('*').length - 1 > maxStars) return `at most ${maxStars} stars`;
  return parameterFault(path);
}

function parameterFault(path: string): string | null {
  const names = path.split('/').filter((segment) => segment.startsWith(':'));
  const odd = names.find((name) => !/^:[A-Za-z_]\w{0,63}$/.test(name));
  if (odd !== undefined) return 'segments such as :name, of letters, digits and _';
  return new Set(names).size === names.length ? null : 'each :name once';
}

/** Unreserved characters decoded (RFC 3986 §6.2.2.2), others outside ASCII encoded, hex digits in upper case. */
export function normalisePathPattern(text: string): string {
  if (!/[%\x80-\uffff]/.test(text)) return text;
  return text
    .replace(/[\ud800-\udbff][\udc00-\udfff]|[\x80-\uffff]/g, (char) =>
      /^[\ud800-\udfff]$/.test(char) ? '%' : encodeURIComponent(char),
    )
    .replace(/%[0-9A-Fa-f]{2}/g, (code) => {
      const char = String.fromCharCode(Number.parseInt(code.slice(1), 16));
      return /[\w\-.~]/.test(char) ? char : code.toUpperCase();
    });
}
