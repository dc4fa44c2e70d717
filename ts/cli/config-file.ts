// From the path of a configuration file to the options in it.

import { type ISmartProxyOptions, SmartProxy } from '../index.js';
import * as plugins from '../plugins.js';
import { runCodeFile } from './code-file.js';
import { type IParsed, parseDataFile } from './data-file.js';
import { type IPlace, placing } from './faults.js';
import { CommandError } from './host.js';

export const isCodeFile = (file: string): boolean => codeFile.test(file);

export interface IConfigFile {
  /** As the user wrote it. */
  readonly file: string;
  readonly options: ISmartProxyOptions;
  /** What `stateOf` said before it was read. */
  readonly state: string | null;
  /** Where in the file something is; null if that is not known. */
  placeOf(path: string): IPlace | null;
}

const dataFile = /\.(json|yaml|yml)$/;
const codeFile = /\.(js|mjs|ts)$/;

/**
 * Reads the file and checks what it says.
 * @throws ConfigFileError with every fault; CommandError if it cannot be read
 */
export async function readConfigFile(file: string): Promise<IConfigFile> {
  const state = await stateOf(file);
  const { value, placeOf } = await readFile(file);
  const options = value as ISmartProxyOptions;
  // Nothing is opened before it is started.
  placing(file, placeOf, () => new SmartProxy(options));
  return { file, options, state, placeOf };
}

/** Another text whenever the content may be another; null if nothing is there. */
export async function stateOf(file: string): Promise<string | null> {
  const stat = await plugins.fs.promises.stat(file, { bigint: true }).catch(() => null);
  return stat && [stat.dev, stat.ino, stat.size, stat.mtimeNs, stat.ctimeNs].join(' ');
}

async function readFile(file: string): Promise<IParsed> {
  if (!dataFile.test(file) && !codeFile.test(file)) {
    throw new CommandError(1, `${file}: want a file that ends in .json, .yaml, .yml, .js, .mjs or .ts`);
  }
  const content = await plugins.fs.promises.readFile(file, 'utf8').catch((error: Error) => {
    throw new CommandError(2, `cannot read ${file}: ${error.message}`);
  });
  if (dataFile.test(file)) return await parseDataFile(file, content);
  return { value: await runCodeFile(file), placeOf: () => null };
}
