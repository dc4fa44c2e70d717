// Node's own parser of HTTP/1, in its strict setting, as a second opinion.

interface IParser {
  initialize(type: number, resource: object, maxHeaderSize: number, lenientFlags: number): void;
  execute(bytes: Buffer): number | Error;
  finish(): Error | undefined;
  close(): void;
  [callback: number]: (...args: never[]) => unknown;
}

interface IParserClass {
  new (): IParser;
  readonly REQUEST: number;
  readonly RESPONSE: number;
  readonly kOnHeaders: number;
  readonly kOnHeadersComplete: number;
  readonly kOnBody: number;
  readonly kOnMessageComplete: number;
}

interface IHttpCommon {
  readonly HTTPParser: IParserClass;
  readonly methods: readonly string[];
}

const { HTTPParser, methods } = process.getBuiltinModule('_http_common') as unknown as IHttpCommon;

/** It knows methods by number; behind these the numbers have gaps that the list has not. */
export const llhttpMethods: readonly string[] = methods.slice(0, 33);

export interface ISecondOpinion {
  major: number;
  minor: number;
  method: string;
  url: string;
  status: number;
  fields: string[];
  upgrade: boolean;
  body: string;
  trailers: string[];
  complete: boolean;
}

export interface ISecondReading {
  readonly messages: readonly ISecondOpinion[];
  /** Its error code; '' if there is none. */
  readonly error: string;
}

/** `ends`: no more bytes come, which ends a response without a length. `head`: it answers HEAD. */
export function readWithLlhttp(
  kind: 'request' | 'response',
  bytes: Buffer,
  options: { readonly head?: boolean; readonly ends?: boolean } = {},
): ISecondReading {
  const parser = new HTTPParser();
  const messages: ISecondOpinion[] = [];
  // With many fields they come in portions, before the head is complete; trailers come after it.
  let portions: string[] = [];
  let url = '';
  parser.initialize(kind === 'request' ? HTTPParser.REQUEST : HTTPParser.RESPONSE, {}, 1 << 20, 0);
  parser[HTTPParser.kOnHeaders] = (fields: string[], target: string) => {
    portions.push(...fields);
    url = target;
  };
  parser[HTTPParser.kOnHeadersComplete] = (
    major: number,
    minor: number,
    fields: string[] | undefined,
    method: number | undefined,
    target: string | undefined,
    status: number | undefined,
    _reason: string | undefined,
    upgrade: boolean,
  ) => {
    messages.push({
      major,
      minor,
      method: method === undefined ? '' : (llhttpMethods[method] ?? ''),
      url: target ?? url,
      status: status ?? 0,
      fields: [...portions, ...(fields ?? [])],
      upgrade,
      body: '',
      trailers: [],
      complete: false,
    });
    portions = [];
    return options.head ? 1 : 0;
  };
  parser[HTTPParser.kOnBody] = (chunk: Buffer) => {
    const message = messages.at(-1);
    if (message !== undefined) message.body += chunk.toString('latin1');
  };
  parser[HTTPParser.kOnMessageComplete] = () => {
    const message = messages.at(-1);
    if (message === undefined) return;
    message.complete = true;
    message.trailers = portions;
    portions = [];
  };
  const result = parser.execute(bytes);
  const error = result instanceof Error ? result : options.ends ? parser.finish() : undefined;
  parser.close();
  return { messages, error: error === undefined ? '' : ((error as { code?: string }).code ?? error.message) };
}
