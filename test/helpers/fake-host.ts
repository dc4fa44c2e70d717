// Stands in for the process that a command runs in.

import { EventEmitter } from 'node:events';
import type { IHost } from '../../ts/cli/host.js';
import { until } from './until.js';

export interface IFakeHost extends IHost {
  readonly signals: EventEmitter;
  /** The lines so far, both streams in order. */
  readonly lines: string[];
  /** Of standard error alone. */
  readonly errors: string[];
  /** Resolves with the first line that fits, also one of before. */
  line(pattern: RegExp): Promise<string>;
}

export function fakeHost({
  nodeVersion = '24.0.0',
  env = {},
}: Partial<Pick<IHost, 'nodeVersion' | 'env'>> = {}): IFakeHost {
  const lines: string[] = [];
  const errors: string[] = [];
  return {
    lines,
    errors,
    signals: new EventEmitter(),
    nodeVersion,
    env,
    out: (line) => void lines.push(line),
    err: (line) => {
      lines.push(line);
      errors.push(line);
    },
    async line(pattern) {
      const find = () => lines.find((line) => pattern.test(line));
      await until(
        () => find() !== undefined,
        10_000,
        () => `a line like ${pattern}; has:\n${lines.join('\n')}`,
      );
      return find() ?? '';
    },
  };
}
