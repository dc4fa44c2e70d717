// A worker's log lines on their way to the primary, which has the logger.

import { messageOf } from '../base/errors.js';
import type { ILogger } from '../base/logger.js';
import type { TLogLevel } from './topics.js';
import type { TToPrimaryWire } from './worker-parts.js';

const levels: readonly TLogLevel[] = ['debug', 'info', 'warn', 'error'];
/** In one turn of the loop; what is beyond is counted and told. */
const mostAtOnce = 200;
/** While so many messages wait for a primary that does not keep up, lines are dropped as well. */
const mostUnsent = 100;

/** `least`: what is below it stays here, and costs next to nothing. */
export function workerLogger(wire: TToPrimaryWire, least: TLogLevel): ILogger {
  let sent = 0;
  let dropped = 0;
  const turn = () => {
    if (dropped > 0 && wire.unsent < mostUnsent) {
      wire.tell('log', { level: 'warn', fields: { dropped }, message: 'log lines were dropped' });
      dropped = 0;
    }
    sent = 0;
  };
  const write = (level: TLogLevel, fields: object, message: string) => {
    if (sent === 0) setImmediate(turn);
    if (++sent > mostAtOnce || wire.unsent >= mostUnsent) dropped++;
    else wire.tell('log', { level, fields: plainFields(fields), message });
  };
  const method = (level: TLogLevel) =>
    levels.indexOf(level) < levels.indexOf(least)
      ? () => {}
      : (fields: object, message: string) => write(level, fields, message);
  return { debug: method('debug'), info: method('info'), warn: method('warn'), error: method('error') };
}

/** An error as the primary makes one of it again. */
export interface IToldError {
  readonly toldError: {
    readonly name: string;
    readonly message: string;
    readonly stack: string;
    readonly code: string;
  };
}

function plainFields(fields: object): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, plain(value)]));
}

function plain(value: unknown): unknown {
  if (value instanceof Error) {
    const { name, message, stack = '' } = value;
    return { toldError: { name, message, stack, code: String(Reflect.get(value, 'code') ?? '') } } satisfies IToldError;
  }
  if (typeof value !== 'object' && typeof value !== 'function' && typeof value !== 'symbol') return value;
  try {
    return JSON.parse(JSON.stringify(value) ?? 'null');
  } catch (error) {
    return messageOf(error);
  }
}

/** What `plainFields` made of errors, as errors. */
export function revivedFields(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, revived(value)]));
}

function revived(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('toldError' in value)) return value;
  const { name, message, stack, code } = (value as IToldError).toldError;
  const error = Object.assign(new Error(message), { name, stack });
  return code === '' ? error : Object.assign(error, { code });
}
