// Answers authorities by TXT records, which somebody else sets: a hook of the program's, a command, or the operator for good.

import type { IClock } from '../base/clock.js';
import { messageOf } from '../base/errors.js';
import type { ILogger } from '../base/logger.js';
import type { IResolvedDns } from '../config/resolved.js';
import * as plugins from '../plugins.js';
import type { IChallengeSolver, IChallengeToShow } from './manager/manager-types.js';
import { txtNameOf } from './names.js';

export interface IDnsAnswersParts {
  readonly clock: IClock;
  readonly logger: ILogger;
}

export class DnsAnswers {
  readonly #clock: IClock;
  readonly #logger: ILogger;
  /** Records that were asked for: said once each. */
  readonly #told = new Set<string>();

  constructor({ clock, logger }: IDnsAnswersParts) {
    this.#clock = clock;
    this.#logger = logger;
  }

  /** RFC 8555 §8.4. */
  readonly record: IChallengeSolver = {
    present: async (challenge, signal) => {
      const { dns } = challenge.acme;
      if (dns === null) throw new Error('nothing is there to set records: acme.dns');
      await change(dns, 'set', challenge, signal);
      await this.#wait(dns.propagationDelayMs, signal);
    },
    cleanup: async (challenge) => {
      const { dns } = challenge.acme;
      if (dns !== null) await change(dns, 'remove', challenge, AbortSignal.timeout(removeLimitMs));
    },
  };

  /** draft-ietf-acme-dns-persist: the record is set once, by the operator, and stays. */
  readonly persistent: IChallengeSolver = {
    present: async ({ name, dnsValue }) => {
      const record = { name: `_validation-persist.${name}`, value: dnsValue };
      const text = JSON.stringify(record);
      if (this.#told.has(text)) return;
      this.#told.add(text);
      this.#logger.info({ record }, 'this TXT record lets the authority issue certificates for the name');
    },
    cleanup: async () => {},
  };

  #wait(ms: number, signal: AbortSignal): Promise<void> {
    if (ms === 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const timer = this.#clock.setTimer(() => {
        signal.removeEventListener('abort', aborted);
        resolve();
      }, ms);
      const aborted = () => {
        timer.cancel();
        reject(signal.reason);
      };
      signal.addEventListener('abort', aborted, { once: true });
      if (signal.aborted) aborted();
    });
  }
}

async function change(dns: IResolvedDns, verb: 'set' | 'remove', challenge: IChallengeToShow, signal: AbortSignal) {
  const record = { name: txtNameOf(challenge.name), value: challenge.dnsValue };
  if (dns.hook !== null) return await dns.hook[verb](record, signal);
  const [program = '', ...first] = dns.command ?? [];
  await run(program, [...first, verb, record.name, record.value], signal);
}

/** Without a shell: nothing of a name or a value is ever read as a command. */
function run(program: string, args: readonly string[], signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const options = { timeout: commandLimitMs, killSignal: 'SIGKILL', maxBuffer: maxOutput } as const;
    const child = plugins.childProcess.execFile(program, [...args], options, (error, _output, said) => {
      signal.removeEventListener('abort', ended);
      if (error === null) return resolve();
      const why = said.trim().split('\n').at(-1) || messageOf(error);
      reject(new Error(`${program}: ${why}`, { cause: error }));
    });
    // Node's own way of ending it by a signal asks politely, and waits.
    const ended = () => {
      child.kill('SIGKILL');
      reject(signal.reason);
    };
    signal.addEventListener('abort', ended, { once: true });
  });
}

const commandLimitMs = 300_000;
const removeLimitMs = 30_000;
const maxOutput = 1_048_576;
