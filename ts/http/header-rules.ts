// Applies the rules for header fields that a route or a target has.

import type { IResolvedHeaderRule } from '../config/resolved.js';
import { isName } from './field-kind.js';
import { fieldText } from './field-text.js';
import { remove } from './hop-by-hop.js';
import { fillTemplate, type ITemplateValues } from './template-values.js';

/** Our codecs write these from what they know: no rule can change where a message ends. `host` is `authorityRule`'s. */
const notByRule: ReadonlySet<string> = new Set([
  'host',
  'connection',
  'content-length',
  'transfer-encoding',
  'keep-alive',
  'proxy-connection',
  'upgrade',
  'te',
]);

/** Changes `fields` and gives them back: each rule replaces all fields of its name by one, or removes them. */
export function applyRules(fields: string[], rules: readonly IResolvedHeaderRule[], values: ITemplateValues): string[] {
  for (const { name, template } of rules) {
    if (notByRule.has(name)) continue;
    if (template === null) remove(fields, name);
    else setField(fields, name, fieldText(fillTemplate(template, values)));
  }
  return fields;
}

/** Sets a field: in the place of the first of its name, else at the end. The name is in lower case. */
export function setField(fields: string[], name: string, value: string): void {
  for (let at = 0; at < fields.length; at += 2) {
    if (!isName(fields[at] as string, name)) continue;
    remove(fields, name);
    fields.splice(at, 0, name, value);
    return;
  }
  fields.push(name, value);
}

/** What a rule for `host` makes the authority of a request to its target; null if there is no such rule. */
export function authorityRule(rules: readonly IResolvedHeaderRule[], values: ITemplateValues): string | null {
  let authority: string | null = null;
  for (const { name, template } of rules) {
    if (name !== 'host' || template === null) continue;
    const text = fillTemplate(template, values);
    // What could end the field, or be taken for another part of a URL, is no authority: the client's stays.
    if (/^[\w.:[\]-]+$/.test(text)) authority = text;
  }
  return authority;
}
