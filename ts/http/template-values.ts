// What placeholders in templates of header rules, redirects and paths stand for.

/** Gives the text for a placeholder; `''` where a request has no such thing. */
export interface ITemplateValues {
  get(name: string): string;
}

/** What the values of a request are made from; asked only for what a template names. */
export interface IValueFacts {
  readonly clientIp: string;
  /** The host asked for, normalised; `''` if none. */
  readonly host: string;
  /** The port that the client connected to. */
  readonly port: number;
  /** As it goes to the target, with its query. */
  readonly target: string;
  readonly method: string;
  readonly routeName: string;
  /** `''` without TLS. */
  readonly tlsVersion: string;
  /** Made when first asked for. */
  readonly requestId: string;
}

/** The values of one request. `target`, the path with its query, is for redirects alone. */
export class RequestValues implements ITemplateValues {
  readonly #facts: IValueFacts;

  constructor(facts: IValueFacts) {
    this.#facts = facts;
  }

  get(name: string): string {
    const facts = this.#facts;
    switch (name) {
      case 'clientIp':
        return facts.clientIp;
      case 'domain':
        return facts.host;
      case 'port':
        return String(facts.port);
      case 'path':
        return pathOf(facts.target);
      case 'query':
        return facts.target.slice(pathOf(facts.target).length + 1);
      case 'target':
        return facts.target;
      case 'method':
        return facts.method;
      case 'requestId':
        return facts.requestId;
      case 'routeName':
        return facts.routeName;
      case 'tlsVersion':
        return facts.tlsVersion;
      default:
        return '';
    }
  }
}

function pathOf(target: string): string {
  const question = target.indexOf('?');
  return question < 0 ? target : target.slice(0, question);
}

/** The text of a template: even places are literal, odd ones names of placeholders. */
export function fillTemplate(template: readonly string[], values: ITemplateValues): string {
  let text = template[0] ?? '';
  for (let at = 1; at < template.length; at += 2) {
    text += values.get(template[at] as string) + (template[at + 1] ?? '');
  }
  return text;
}
