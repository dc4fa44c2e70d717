// The process of a worker of `run --workers`: it reads configuration files as the command does.

import { runWorker } from '../index.js';
import * as plugins from '../plugins.js';
import { readConfigFile } from './config-file.js';

runWorker(async (module) => {
  const { options } = await readConfigFile(plugins.url.fileURLToPath(module));
  return { options, parts: {} };
});
