// Numbers and tables of a running proxy, for people.

import type { IConnectionList } from '../index.js';
import { printable } from './printable.js';

export function bytesText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let unit = 0;
  let size = bytes;
  for (; size >= 1000 && unit < units.length - 1; unit++) size /= 1000;
  return `${unit === 0 ? Math.round(size) : size.toFixed(1)} ${units[unit]}`;
}

export function durationText(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} days`;
}

/** A line each, below their headings. */
export function connectionTable(connections: IConnectionList['connections'], nowMs: number): string {
  const rows = connections.map(({ id, clientIp, clientPort, route, target, sni, phase, ...more }) => [
    id,
    `${clientIp.includes(':') ? `[${clientIp}]` : clientIp}:${clientPort}`,
    route ?? '-',
    target === null ? '-' : `${target.host}:${target.port}`,
    sni ?? '-',
    phase,
    bytesText(more.bytesReceived),
    bytesText(more.bytesSent),
    durationText(nowMs - more.since),
  ]);
  return table([['id', 'client', 'route', 'target', 'name', 'phase', 'in', 'out', 'age'], ...rows]);
}

/** Columns as wide as what is in them, within reason. */
function table(rows: readonly (readonly string[])[]): string {
  const shown = rows.map((row) => row.map((cell) => printable(cell).replaceAll('\n', '?').slice(0, maxCell)));
  const widths = (shown[0] ?? []).map((_, column) => Math.max(...shown.map((row) => row[column]?.length ?? 0)));
  return shown
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

const maxCell = 60;
