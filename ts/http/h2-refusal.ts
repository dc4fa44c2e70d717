// What is no request on an HTTP/2 connection: answered, or reset, before anybody hears of it.

import { responseBlock } from '../codec/http2-fields.js';
import { h2Error } from '../codec/http2-frame.js';
import { errorAnswer } from './error-answer.js';
import type { IH2Stream, IH2StreamOwner } from './h2-types.js';
import type { Visitor } from './visitor.js';

/** Owns a stream that was refused. */
const nobody: IH2StreamOwner = {
  h2Headers() {},
  h2Data() {},
  h2End() {},
  h2Drained() {},
  h2Closed() {},
  h2Pause() {},
};

export interface IStreamRefusal {
  readonly fields: readonly string[];
  /** The client's side is over. */
  readonly end: boolean;
  /** 0: none would tell more than the reset that RFC 9113 §8.1.1 demands. */
  readonly status: number;
  readonly why: string;
}

export function refuseStream(visitor: Visitor, stream: IH2Stream, refusal: IStreamRefusal): IH2StreamOwner {
  const { fields, end, status, why } = refusal;
  visitor.refused(status === 0 ? 400 : status, why);
  if (status === 0) {
    stream.reset(h2Error.protocol);
    return nobody;
  }
  const { head, body } = visitor.dated(errorAnswer(status, why));
  const isHead = fields.some((name, at) => at % 2 === 0 && name === ':method' && fields[at + 1] === 'HEAD');
  stream.sendHeaders(responseBlock(head, isHead), isHead);
  if (!isHead) {
    stream.sendData(body);
    stream.sendEnd(null);
  }
  if (!end) stream.reset(h2Error.noError);
  return nobody;
}
