// Reads HTTP/1.1 messages strictly, from pieces of any size. Written apart from the codec, so that tests can trust it as a
// second opinion; what is doubtful is a fault, never a guess.

export interface IHttpMessage {
  /** Request line or status line. */
  readonly startLine: string;
  /** Name, value, name, value, as received. */
  readonly fields: readonly string[];
  /** The content without its framing, as far as it has come. */
  readonly body: Buffer;
  readonly trailers: readonly string[];
  readonly framing: TFraming;
  readonly isComplete: boolean;
  /** Exactly the bytes that it is made of, as far as they have come. */
  readonly raw: Buffer;
}

export type TFraming = 'none' | 'length' | 'chunked' | 'close';

/** How a message is framed. Throws where that is open to doubt. */
type TFramingOf = (startLine: string, fields: readonly string[]) => { framing: TFraming; bytes: number };

/** All values of a field, joined by `, `; null if there is none. */
export function fieldOf(fields: readonly string[], name: string): string | null {
  const values = fields.filter((_, at) => at % 2 === 1 && fields[at - 1]?.toLowerCase() === name.toLowerCase());
  return values.length === 0 ? null : values.join(', ');
}

/** RFC 9112 §6.3 for a request, without its lenient ways out. */
export const requestFraming: TFramingOf = (startLine, fields) => {
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+ [\x21-\x7e]+ HTTP\/1\.[01]$/.test(startLine)) {
    throw new Error(`a request line? ${JSON.stringify(startLine)}`);
  }
  return declaredFraming(fields) ?? { framing: 'none', bytes: 0 };
};

/** The same for an answer to `method`. */
export const answerFraming =
  (method: string): TFramingOf =>
  (startLine, fields) => {
    if (!/^HTTP\/1\.[01] [1-5]\d\d( |$)/.test(startLine))
      throw new Error(`a status line? ${JSON.stringify(startLine)}`);
    const status = Number(startLine.slice(9, 12));
    const declared = declaredFraming(fields);
    const isBare = status < 200 || status === 204 || status === 304 || method === 'HEAD';
    if (isBare || (method === 'CONNECT' && status < 300)) return { framing: 'none', bytes: 0 };
    return declared ?? { framing: 'close', bytes: 0 };
  };

function declaredFraming(fields: readonly string[]): { framing: TFraming; bytes: number } | null {
  const coding = fieldOf(fields, 'transfer-encoding');
  const length = fieldOf(fields, 'content-length');
  if (coding !== null && length !== null) throw new Error('both Transfer-Encoding and Content-Length');
  if (coding !== null) {
    if (coding !== 'chunked') throw new Error(`Transfer-Encoding ${JSON.stringify(coding)}`);
    return { framing: 'chunked', bytes: 0 };
  }
  if (length === null) return null;
  if (!/^\d{1,15}$/.test(length)) throw new Error(`Content-Length ${JSON.stringify(length)}`);
  return { framing: 'length', bytes: Number(length) };
}

type TState = 'head' | 'length' | 'close' | 'chunk-size' | 'chunk' | 'chunk-end' | 'trailers' | 'switched';

/** Splits what comes in on one connection into messages. Throws at the first doubt and stays useless then. */
export class MessageReader {
  /** In order; the last one may be incomplete. */
  readonly messages: IHttpMessage[] = [];
  /** Called for a message when its head is complete. */
  onHead: (message: IHttpMessage, index: number) => void = () => {};
  onComplete: (message: IHttpMessage, index: number) => void = () => {};
  readonly #framingOf: (index: number) => TFramingOf;
  #state: TState = 'head';
  #waiting: Buffer = Buffer.alloc(0);
  #current: WritableMessage | null = null;
  #left = 0;
  /** How many of the messages are no interim answers. */
  #finals = 0;

  /** `framingOf` gets the number of the message among the final ones: interim answers do not count. */
  constructor(framingOf: (index: number) => TFramingOf) {
    this.#framingOf = framingOf;
  }

  /** Bytes that belong to no complete head yet; after a switch of protocols everything that came since. */
  get rest(): Buffer {
    return this.#waiting;
  }

  /** True between two messages. */
  get isIdle(): boolean {
    return this.#state === 'head' && this.#waiting.length === 0;
  }

  feed(bytes: Buffer): void {
    this.#waiting = this.#waiting.length === 0 ? bytes : Buffer.concat([this.#waiting, bytes]);
    while (this.#step());
  }

  /** The sender's FIN. */
  finish(): void {
    if (this.#state === 'close') this.#complete();
  }

  /** The rest belongs to another protocol. */
  switchProtocols(): void {
    this.#state = 'switched';
  }

  /** True if something was taken. */
  #step(): boolean {
    if (this.#waiting.length === 0) return false;
    switch (this.#state) {
      case 'head':
        return this.#readHead();
      case 'length':
      case 'chunk':
        return this.#readContent();
      case 'close':
        this.#message.add(this.#waiting);
        this.#take(this.#waiting.length);
        return false;
      case 'chunk-size':
        return this.#readChunkSize();
      case 'chunk-end':
        return this.#readChunkEnd();
      case 'trailers':
        return this.#readTrailers();
      case 'switched':
        return false;
    }
  }

  #readHead(): boolean {
    const end = this.#waiting.indexOf('\r\n\r\n');
    if (end < 0) return false;
    const lines = linesOf(this.#waiting.subarray(0, end));
    const startLine = lines.shift() ?? '';
    const fields = fieldsOf(lines);
    const { framing, bytes } = this.#framingOf(this.#finals)(startLine, fields);
    const message = new WritableMessage(startLine, fields, framing);
    this.#current = message;
    this.messages.push(message);
    if (!isInterim(message)) this.#finals++;
    this.#take(end + 4);
    this.#left = bytes;
    this.#state = framing === 'chunked' ? 'chunk-size' : framing === 'close' ? 'close' : 'length';
    this.onHead(message, this.messages.length - 1);
    // Whoever heard of the head may have said that another protocol follows.
    if ((this.#state as TState) === 'switched') message.isComplete = true;
    else if (framing === 'none' || (framing === 'length' && bytes === 0)) this.#complete();
    return true;
  }

  #readContent(): boolean {
    const size = Math.min(this.#left, this.#waiting.length);
    this.#message.add(this.#waiting.subarray(0, size));
    this.#take(size);
    this.#left -= size;
    if (this.#left > 0) return false;
    if (this.#state === 'chunk') this.#state = 'chunk-end';
    else this.#complete();
    return true;
  }

  #readChunkSize(): boolean {
    const end = this.#waiting.indexOf('\n');
    if (end < 0) return false;
    const line = this.#waiting.toString('latin1', 0, end + 1);
    const found = /^([0-9A-Fa-f]{1,12})(?:;[\x20-\x7e\t]*)?\r\n$/.exec(line);
    if (!found) throw new Error(`a chunk's size? ${JSON.stringify(line)}`);
    this.#take(line.length);
    this.#left = Number.parseInt(found[1] ?? '', 16);
    this.#state = this.#left === 0 ? 'trailers' : 'chunk';
    return true;
  }

  #readChunkEnd(): boolean {
    if (this.#waiting.length < 2) return false;
    if (this.#waiting.toString('latin1', 0, 2) !== '\r\n') throw new Error('a chunk is longer than it says');
    this.#take(2);
    this.#state = 'chunk-size';
    return true;
  }

  #readTrailers(): boolean {
    const isNone = this.#waiting.toString('latin1', 0, 2) === '\r\n';
    const end = isNone ? 0 : this.#waiting.indexOf('\r\n\r\n');
    if (end < 0 || this.#waiting.length < 2) return false;
    if (!isNone) this.#message.trailers = fieldsOf(linesOf(this.#waiting.subarray(0, end)));
    this.#take(isNone ? 2 : end + 4);
    this.#complete();
    return true;
  }

  get #message(): WritableMessage {
    if (this.#current === null) throw new Error('no message is being read');
    return this.#current;
  }

  #take(bytes: number): void {
    this.#message.addRaw(this.#waiting.subarray(0, bytes));
    this.#waiting = this.#waiting.subarray(bytes);
  }

  #complete(): void {
    const message = this.#message;
    message.isComplete = true;
    this.#state = 'head';
    this.onComplete(message, this.messages.length - 1);
  }
}

const isInterim = ({ startLine }: IHttpMessage): boolean => /^HTTP\/1\.[01] 1/.test(startLine);

/** A message that is still being received. */
class WritableMessage implements IHttpMessage {
  trailers: readonly string[] = [];
  isComplete = false;
  #body: Buffer[] = [];
  #raw: Buffer[] = [];

  constructor(
    readonly startLine: string,
    readonly fields: readonly string[],
    readonly framing: TFraming,
  ) {}

  get body(): Buffer {
    return Buffer.concat(this.#body);
  }

  get raw(): Buffer {
    return Buffer.concat(this.#raw);
  }

  add(bytes: Buffer): void {
    this.#body.push(bytes);
  }

  addRaw(bytes: Buffer): void {
    this.#raw.push(bytes);
  }
}

function linesOf(bytes: Buffer): string[] {
  const lines = bytes.toString('latin1').split('\r\n');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there.
  const bad = lines.find((line) => /[\x00-\x08\x0a-\x1f\x7f]/.test(line));
  if (bad !== undefined) throw new Error(`a control character in ${JSON.stringify(bad)}`);
  return lines;
}

function fieldsOf(lines: readonly string[]): string[] {
  return lines.flatMap((line) => {
    const found = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*$/.exec(line);
    if (!found) throw new Error(`a field line? ${JSON.stringify(line)}`);
    return [found[1] ?? '', found[2] ?? ''];
  });
}
