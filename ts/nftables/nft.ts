// The one place where nft and conntrack are run: with fixed arguments, rules as JSON on standard input, never a shell.
// A failed transaction changes nothing.

import type { ChildProcess } from 'node:child_process';
import { delay } from '../base/async-utils.js';
import { AsyncFileSystem } from '../base/fs-utils.js';
import type { ILogger } from '../base/logger.js';
import * as plugins from '../plugins.js';
import { type NftBaseError, NftExecutionError, NftResourceError } from './errors.js';
import { family, script, type TCommand } from './nft-json.js';
import { type IListing, readListing } from './nft-listing.js';
import { commandsToRemove } from './ruleset-diff.js';

export interface INftOptions {
  /** The program. Default: `nft`, looked for in the folders of root's programs too. */
  readonly nft?: string;
  readonly conntrack?: string;
  /** How often a command is repeated that the kernel was too busy for. Default 3. */
  readonly maxRetries?: number;
  /** Milliseconds before each repetition. Default 200. */
  readonly retryDelayMs?: number;
  /** What is asked of the world about the programs; tests give other folders. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly logger?: ILogger;
}

export interface IRunOptions {
  /** Ends the command, and the waiting for a repetition. */
  readonly signal?: AbortSignal;
}

/** A transaction of ten thousand rules takes a second. */
const withinMs = 60_000;

/** A listing of 100 000 connections has about 30 MB. */
const maxOutputBytes = 256 * 1024 * 1024;

export class Nft {
  readonly #options: INftOptions;
  readonly #env: NodeJS.ProcessEnv;

  constructor(options: INftOptions = {}) {
    this.#options = options;
    const env = options.env ?? plugins.process.env;
    const path = `${env.PATH ?? '/usr/bin:/bin'}:/usr/local/sbin:/usr/sbin:/sbin`;
    // Messages are compared, so they are asked for in one language.
    this.#env = { ...env, PATH: path, LC_ALL: 'C' };
  }

  /**
   * All of the commands or none, after the kernel has said that it would take them.
   * @throws NftExecutionError, NftResourceError
   */
  async apply(commands: readonly TCommand[], options: IRunOptions = {}): Promise<void> {
    // Nothing to say to the kernel.
    if (commands.length === 0) return;
    const text = script(commands);
    await this.#nft(['-c', '-j', '-f', '-'], text, options);
    await this.#nft(['-j', '-f', '-'], text, options);
  }

  /** Whether the kernel would take them. @throws NftExecutionError, NftResourceError */
  async check(commands: readonly TCommand[], options: IRunOptions = {}): Promise<void> {
    await this.#nft(['-c', '-j', '-f', '-'], script(commands), options);
  }

  /** The names of all tables of our family. @throws NftExecutionError, NftResourceError */
  async tables(options: IRunOptions = {}): Promise<string[]> {
    const text = await this.#nft(['-j', 'list', 'tables', family], '', options);
    return readListing(text).tables;
  }

  /** What a table has; null if there is none. @throws NftExecutionError, NftResourceError */
  async list(table: string, options: IRunOptions = {}): Promise<IListing | null> {
    try {
      return readListing(await this.#nft(['-j', 'list', 'table', family, table], '', options));
    } catch (error) {
      if (error instanceof NftExecutionError && isMissing(error.stderr)) return null;
      throw error;
    }
  }

  /** The connections that have a mark, `mark/mask`, as conntrack prints them. @throws NftExecutionError, NftResourceError */
  async connections(mark: string, options: IRunOptions = {}): Promise<string> {
    return await this.#conntrack(['-L', '-o', 'id', '-m', mark], options);
  }

  /** Forgets them: their packets find no target any more. @throws NftExecutionError, NftResourceError */
  async forget(mark: string, options: IRunOptions = {}): Promise<void> {
    await this.#conntrack(['-D', '-m', mark], options);
  }

  /** Removes tables while the process exits. @deprecated everywhere else: it blocks; `apply` does not. */
  stopSync(tables: readonly string[]): void {
    const { nft = 'nft' } = this.#options;
    // Short enough for an argument, and its names are ours.
    const args = ['-j', script(tables.flatMap(commandsToRemove))];
    plugins.childProcess.spawnSync(nft, args, { env: this.#env, timeout: 5000, stdio: 'ignore' });
  }

  async #nft(args: readonly string[], input: string, { signal }: IRunOptions): Promise<string> {
    const { nft = 'nft', maxRetries = 3, retryDelayMs = 200, logger } = this.#options;
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.#run(nft, args, input, signal);
      } catch (error) {
        if (!(error instanceof NftExecutionError) || !isBusy(error.stderr) || attempt >= maxRetries) throw error;
        logger?.debug({ attempt, why: error.stderr }, 'the kernel was busy: nft is run again');
        await delay(retryDelayMs, signal === undefined ? {} : { signal });
      }
    }
  }

  async #conntrack(args: readonly string[], { signal }: IRunOptions): Promise<string> {
    try {
      return await this.#run(this.#options.conntrack ?? 'conntrack', args, '', signal);
    } catch (error) {
      // conntrack says by its exit code that there was nothing to delete.
      if (error instanceof NftExecutionError && /\b0 flow entries/.test(error.stderr)) return '';
      throw error;
    }
  }

  async #run(
    program: string,
    args: readonly string[],
    input: string,
    signal: AbortSignal | undefined,
  ): Promise<string> {
    signal?.throwIfAborted();
    // nft opens /dev/stdin by name, which no socket can be: a file that has no name any more can.
    const file = input === '' ? null : await AsyncFileSystem.openNameless(input);
    try {
      const stdio = [file === null ? 'ignore' : file.fd, 'pipe', 'pipe'] as const;
      const options = { env: this.#env, ...(signal ? { signal } : {}) };
      return await outputOf(plugins.childProcess.spawn(program, args, { ...options, stdio: [...stdio] }));
    } catch (error) {
      signal?.throwIfAborted();
      throw error instanceof Failure ? failureOf(program, args, error) : error;
    } finally {
      await file?.close();
    }
  }
}

/** How a program ended that did not do what it was asked. */
class Failure extends Error {
  readonly code: number | string | null;
  readonly stderr: string;

  constructor(message: string, code: number | string | null, stderr: string) {
    super(message);
    this.code = code;
    this.stderr = stderr;
  }
}

/** Rejects with a Failure unless the program ends with 0. */
function outputOf(child: ChildProcess): Promise<string> {
  const texts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      texts[name] += text;
      if (texts[name].length > maxOutputBytes) child.kill('SIGKILL');
    });
  }
  return new Promise((resolve, reject) => {
    // Node's own timeout goes on for a program that could not be started.
    const timer = setTimeout(() => child.kill('SIGKILL'), withinMs);
    child.on('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      reject(new Failure(error.message, error.code ?? null, ''));
    });
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      if (code === 0) resolve(texts.stdout);
      else reject(new Failure(`it ended with ${signal ?? code}`, code, texts.stderr));
    });
  });
}

function failureOf(program: string, args: readonly string[], { code, stderr, message }: Failure): NftBaseError {
  const name = plugins.path.basename(program);
  if (code === 'ENOENT') {
    const from = name === 'conntrack' ? 'conntrack' : 'nftables';
    return new NftResourceError('nft', `${name} is not installed (Debian: apt-get install ${from})`);
  }
  if (/Operation not permitted|must be root|Permission denied/i.test(stderr) || code === 'EACCES') {
    const text = `${name} may not change the kernel's rules: run as root or with CAP_NET_ADMIN`;
    return new NftResourceError('privilege', text);
  }
  const exitCode = typeof code === 'number' ? code : null;
  return new NftExecutionError([name, ...args].join(' '), exitCode, stderr.trim() === '' ? message : stderr);
}

/** Others change rules at the same time, or the kernel had no room for the answer: once more will do. */
const isBusy = (stderr: string): boolean =>
  /Device or resource busy|Resource temporarily unavailable|Interrupted system call|No buffer space|cache initialization/.test(
    stderr,
  );

/** What was named is not there. */
export const isMissing = (stderr: string): boolean => /No such file or directory/.test(stderr);
