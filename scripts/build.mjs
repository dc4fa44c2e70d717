// Compiles ts/ into dist_ts/, which is wiped first so that nothing stale is ever published.
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
rmSync(new URL('../dist_ts', import.meta.url), { recursive: true, force: true });
const { status, error } = spawnSync('node_modules/.bin/tsc', ['-p', 'tsconfig.json'], { cwd: root, stdio: 'inherit' });
if (error) throw error;
process.exitCode = status ?? 1;
