// What workers inherit of how this process was started.

import { fileURLToPath, pathToFileURL } from 'node:url';
import { programOf, workerArgv } from '../../ts/workers/exec-argv.js';
import { expect, tap } from '../helpers/tapbundle.js';

tap.test('arguments that hold for one process alone are left out, with their values', () => {
  const kept = ['--import', 'tsx', '--max-old-space-size=200', '--enable-source-maps', '-r', './x.cjs'];
  const left = ['--inspect', '--inspect-brk=127.0.0.1:9229', '--inspect-port', '9230', '--watch', '--test'];
  expect(workerArgv([...left, ...kept, '--input-type=module', '-e', 'code(1)'])).toEqual(kept);
  expect(workerArgv(['--input-type', 'module', '--eval', '1', ...kept])).toEqual(kept);
});

tap.test('a file is given by its path or URL, blanks included', () => {
  const path = '/srv/my proxy/worker é.mjs';
  for (const workerFile of [path, pathToFileURL(path), pathToFileURL(path).href]) {
    expect(programOf({ workerFile, execArgv: [] })).toEqual({ entry: path, execArgv: [] });
  }
  expect(programOf({}).entry).toEqual(fileURLToPath(new URL('../../ts/workers/worker-entry.js', import.meta.url)));
});

export default tap.start();
