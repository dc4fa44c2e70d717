// The schema of `nftables`.

import * as plugins from '../plugins.js';
import { kernelDefaults } from './defaults.js';
import { bytesOfRate, isLogPrefix, isTableName, wantLogPrefix, wantRate, wantTableName } from './kernel-text.js';
import { checked, flag, option, strict, whole, word } from './schema-base.js';

const { zod } = plugins;

const text = (want: string, holds: (value: string) => boolean) =>
  checked(zod.string({ error: want }), (value) => (holds(value) ? null : want));

const wantLog = `true, false or text of ${wantLogPrefix}`;

export const kernelSchema = strict('nftables', {
  protocol: option(word(['tcp', 'udp', 'all']), 'What is forwarded.', kernelDefaults.protocol),
  preserveSourceIP: option(flag(), "Targets see the client's address. Default: the global one."),
  maxRate: option(
    text(wantRate, (value) => bytesOfRate(value) !== null),
    'Of each direction, all connections together: 10mbps.',
  ),
  priority: option(whole(1, 10), "In this machine's queues, 1 (first) to 10 (last)."),
  tableName: option(text(wantTableName, isTableName), "The table. Default: one of the proxy's own."),
  useIPSets: option(flag(), 'Address lists are named sets.', kernelDefaults.useIPSets),
  useAdvancedNAT: option(flag(), 'Random source ports where addresses are masqueraded.', kernelDefaults.useAdvancedNAT),
  markConnections: option(flag(), 'Packets carry the mark of their connection.', kernelDefaults.markConnections),
  log: option(
    zod.union([flag(), text(wantLog, isLogPrefix)], { error: wantLog }),
    'The kernel logs each new connection; text goes in front.',
    kernelDefaults.log,
  ),
  changeSysctls: option(flag(), 'Switch on what forwarding needs.', kernelDefaults.changeSysctls),
  redirect: option(flag(), "The target is a port of this machine: host 'localhost'.", kernelDefaults.redirect),
  portOffset: option(
    whole(-65_534, 65_534),
    "Added to the port that the client connected to; the target's port is then 'preserve'.",
  ),
  fallback: option(word(['node']), 'Where the kernel cannot, this process serves the route.'),
});
