// What placeholders in templates of header rules, redirects and paths stand for.

/** Gives the text for a placeholder; `''` where a request has no such thing. */
export interface ITemplateValues {
  get(name: string): string;
}

/** The text of a template: even places are literal, odd ones names of placeholders. */
export function fillTemplate(template: readonly string[], values: ITemplateValues): string {
  let text = template[0] ?? '';
  for (let at = 1; at < template.length; at += 2) {
    text += values.get(template[at] as string) + (template[at + 1] ?? '');
  }
  return text;
}
