// nginx, haproxy and Caddy with a configuration of their own, in the foreground, in a folder that goes with them.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { env } from 'node:process';
import { pathOf } from './debian.js';
import { makeFolder } from './make-folder.js';
import { accepts, type IProcess, startProcess } from './rig-process.js';

export interface IServer extends AsyncDisposable {
  readonly process: IProcess;
}

interface IServerWish {
  /** Something listens there when it is ready. */
  readonly port: number;
  /** Files that the configuration names; `FOLDER` in it stands for where they are. */
  readonly files?: Readonly<Record<string, string>>;
}

/** `blocks` are the `http { }` and `stream { }` blocks. */
export function startNginx(blocks: string, wish: IServerWish): Promise<IServer> {
  const config = `
    daemon off; master_process off; pid FOLDER/pid; error_log stderr;
    ${blocks.includes('stream {') ? `load_module ${pathOf('nginx-stream')};` : ''}
    events {}
    ${blocks}`;
  return start(wish, config, (file) => [pathOf('nginx'), ['-e', 'stderr', '-c', file]]);
}

/** Temporary files of nginx's HTTP side, which has to be told where they go. */
export const nginxHttpFolders = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  .map((name) => `${name}_temp_path FOLDER/${name};`)
  .join(' ');

/** `sections` are `frontend`, `backend` and `listen`. */
export function startHaproxy(sections: string, wish: IServerWish): Promise<IServer> {
  const config = `global
  maxconn 1000
defaults
  mode tcp
  timeout connect 5s
  timeout client 30s
  timeout server 30s
${sections}\n`;
  return start(wish, config, (file) => [pathOf('haproxy'), ['-db', '-f', file]]);
}

/** `sites` are what stands in a Caddyfile below the global options, `more` is added to these. */
export function startCaddy(sites: string, wish: IServerWish, more = ''): Promise<IServer> {
  const config = `{
  admin off
  auto_https off
  ${more}
}
${sites}\n`;
  return start(wish, config, (file) => [pathOf('caddy'), ['run', '--adapter', 'caddyfile', '--config', file]]);
}

async function start(
  { port, files = {} }: IServerWish,
  config: string,
  command: (file: string) => [program: string, args: string[]],
): Promise<IServer> {
  const folder = await makeFolder();
  try {
    const entries = Object.entries({ ...files, 'server.conf': config.replaceAll('FOLDER', folder.path) });
    await Promise.all(entries.map(([name, text]) => writeFile(join(folder.path, name), text)));
    const [program, args] = command(join(folder.path, 'server.conf'));
    // Caddy keeps what it makes where these say.
    const homes = { HOME: folder.path, XDG_CONFIG_HOME: folder.path, XDG_DATA_HOME: folder.path };
    const process = await startProcess(program, args, { ready: accepts(port), env: { ...env, ...homes } });
    return {
      process,
      async [Symbol.asyncDispose]() {
        await process[Symbol.asyncDispose]();
        await folder[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await folder[Symbol.asyncDispose]();
    throw error;
  }
}
