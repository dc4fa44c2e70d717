// An origin that is a function of the program: it gets a Request and gives a Response, both of which stream.

import type { ILogger } from '../base/logger.js';
import type { IRequestHead, TFields } from '../codec/http-message.js';
import type { IRouteContext, THttpHandler } from '../config/types.js';
import type { IAnswerListener, IOrigin } from './exchange-types.js';

export interface IFetchDeps {
  readonly handler: THttpHandler;
  /** The facts that the handler is given; `signal` is the request's own. */
  contextOf(head: IRequestHead, signal: AbortSignal): IRouteContext;
  /** The URL that was asked for. */
  urlOf(head: IRequestHead): string;
  readonly logger: ILogger;
}

export declare class FetchOrigin implements IOrigin {
  constructor(deps: IFetchDeps);
  send(head: IRequestHead, listener: IAnswerListener): void;
  data(chunk: Uint8Array): boolean;
  end(trailers: TFields | null): void;
  flush(): void;
  cancel(): void;
  hold(): void;
  pull(): void;
}
