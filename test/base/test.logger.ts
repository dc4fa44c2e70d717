import { guardLogger, type ILogger, silentLogger } from '../../ts/base/logger.js';
import { expect, tap } from '../helpers/tapbundle.js';

const levels = ['debug', 'info', 'warn', 'error'] as const;

tap.test("a guarded logger passes each line on, as a call of the host's own object", async () => {
  const lines: unknown[] = [];
  class Recorder implements ILogger {
    #write(level: string, fields: object, message: string) {
      lines.push([level, fields, message]);
    }
    debug(fields: object, message: string) {
      this.#write('debug', fields, message);
    }
    info(fields: object, message: string) {
      this.#write('info', fields, message);
    }
    warn(fields: object, message: string) {
      this.#write('warn', fields, message);
    }
    error(fields: object, message: string) {
      this.#write('error', fields, message);
    }
  }
  const logger = guardLogger(new Recorder());
  for (const level of levels) logger[level]({ a: 1 }, 'said');
  expect(lines).toEqual(levels.map((level) => [level, { a: 1 }, 'said']));
});

tap.test('what a logger throws goes no further', async () => {
  let calls = 0;
  const fail = () => {
    calls++;
    throw new Error('disk full');
  };
  const logger = guardLogger({ debug: fail, info: fail, warn: fail, error: fail });
  for (const level of levels) expect(() => logger[level]({}, 'said')).not.toThrow();
  expect(calls).toEqual(4);
});

tap.test('the silent logger says nothing', async (t) => {
  const written = [
    t.mock.method(process.stdout, 'write', () => true),
    t.mock.method(process.stderr, 'write', () => true),
  ];
  for (const level of levels) silentLogger[level]({}, 'said');
  const counts = written.map(({ mock }) => mock.callCount());
  t.mock.restoreAll();
  expect(counts).toEqual([0, 0]);
});

export default tap.start();
