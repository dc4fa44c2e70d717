// `smartproxy nft show` and `smartproxy nft clean`: what proxies have put into the kernel of this machine.

import { type INfTablesTable, NfTablesProxy } from '../index.js';
import type { IHost } from './host.js';
import { countOf } from './report.js';

export async function nftShow({ json = false }: { json?: boolean }, host: IHost): Promise<void> {
  const tables = await NfTablesProxy.tables();
  if (json) return host.out(JSON.stringify(tables, null, 2));
  if (tables.length === 0) return host.out('no proxy has rules in the kernel');
  for (const table of tables) host.out(textOf(table));
}

function textOf({ name, pid, isRunning, routes }: INfTablesTable): string {
  const owner = isRunning ? `process ${pid}` : `process ${pid}, which is gone: smartproxy nft clean`;
  const lines = routes.map(({ route, connections, bytesIn, bytesOut, refused, limited, dropped }) => {
    const harm = refused + limited + dropped > 0 ? `; packets refused ${refused + limited}, dropped ${dropped}` : '';
    return `  ${route}: ${countOf(connections, 'connection')}, ${bytesIn} bytes in, ${bytesOut} out${harm}`;
  });
  return [`table inet ${name} of ${owner}`, ...lines].join('\n');
}

/** Removes what proxies that are gone have left; with `all` that of running ones too. */
export async function nftClean({ all = false, json = false }: { all?: boolean; json?: boolean }, host: IHost) {
  const removed = all ? await NfTablesProxy.cleanSlate() : await NfTablesProxy.removeLeftovers();
  if (json) return host.out(JSON.stringify({ removed }, null, 2));
  host.out(
    removed.length === 0 ? 'nothing to remove' : `removed ${removed.map((name) => `table inet ${name}`).join(', ')}`,
  );
}
