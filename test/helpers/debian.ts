// Programs from Debian packages, for tests that need a real peer. Where one is missing its tests are skipped aloud.

import { accessSync, constants, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { tap } from './tapbundle.js';

const packages = JSON.parse(
  readFileSync(new URL('../../scripts/debian-packages.json', import.meta.url), 'utf8'),
) as Record<string, string>;

/** What is no program, and the file that shows it is installed. */
const files: Record<string, string> = {
  'nginx-stream': '/usr/lib/nginx/modules/ngx_stream_module.so',
  'python3-prometheus': '/usr/lib/python3/dist-packages/prometheus_client/parser.py',
};

type TTest = typeof tap.test;

/**
 * Gives `tap.test` if every program is there, else a stand-in that skips and says what to install. The names are the
 * keys of scripts/debian-packages.json. In CI a skipped test is a failed one.
 */
export function needs(...programs: string[]): TTest {
  const unlisted = programs.filter((program) => packages[program] === undefined);
  if (unlisted.length > 0) throw new Error(`not in scripts/debian-packages.json: ${unlisted.join(', ')}`);
  const missing = programs.filter((program) => locate(program) === null);
  if (missing.length === 0) return tap.test;
  const hint = `apt-get install ${missing.map((program) => packages[program]).join(' ')}`;
  return (title, body) => tap.skip.test(`${title} [missing ${missing.join(', ')}: ${hint}]`, body);
}

/** The path of a program that `needs` has found. */
export function pathOf(program: string): string {
  const path = locate(program);
  if (path === null) throw new Error(`${program} is not installed`);
  return path;
}

/** Where a program is; null if nowhere. The folders for root's programs count for everybody. */
export function locate(program: string, searchPath = process.env.PATH ?? ''): string | null {
  const file = files[program];
  if (file !== undefined) return isUsable(file, constants.R_OK) ? file : null;
  const folders = [...searchPath.split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin'];
  for (const folder of folders) {
    const path = join(folder, program);
    if (folder !== '' && isUsable(path, constants.X_OK)) return path;
  }
  return null;
}

function isUsable(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}
