// The commands that ask a running proxy, with their options, for commander.

import type * as plugins from '../plugins.js';
import {
  adminConnections,
  adminMetrics,
  adminPlan,
  adminReload,
  adminStatus,
  adminStop,
  type IConnectionsArguments,
  type IPlanArguments,
  type IStopArguments,
} from './admin.js';
import type { IAdminArguments } from './admin-place.js';
import type { IHost } from './host.js';

type TCommand = InstanceType<Awaited<ReturnType<typeof plugins.loadCommander>>['Command']>;

export const adminOption = ['--admin <place>', 'where the admin interface is: host:port or a port'] as const;
export const tokenOption = ['--token-file <file>', 'a file with the token of the admin interface'] as const;
const json = ['--json', 'print JSON'] as const;

export function addAdmin(program: TCommand, host: IHost): void {
  const add = (name: string, description: string) => program.command(name).description(description);
  const finish = <T extends IAdminArguments>(command: TCommand, run: (given: T, host: IHost) => Promise<void>) =>
    command
      .option(...adminOption)
      .option(...tokenOption)
      .option(...json)
      .action((given: T) => run(given, host));

  finish(add('status', 'tell how a running proxy is: connections, rates, targets, certificates'), adminStatus);
  finish<IConnectionsArguments>(
    add('connections', 'list live connections of a running proxy, the youngest first')
      .option('--route <key>', 'only those of this route')
      .option('--client <address>', 'only those of this client')
      .option('--limit <count>', 'at most so many, 1000 at most; 100 unless given'),
    adminConnections,
  );
  finish(add('metrics', 'print the figures of a running proxy as Prometheus reads them'), adminMetrics);
  finish(add('reload', 'have a running proxy read its configuration file again'), adminReload);
  finish<IPlanArguments>(
    add('plan', 'tell what the routes of a file would change about a running proxy, and change nothing').requiredOption(
      '--config <file>',
      'the configuration: .json, .yaml, .yml, .js, .mjs or .ts',
    ),
    adminPlan,
  );
  finish<IStopArguments>(
    add('stop', 'stop a running proxy, as a signal does').option(
      '--grace <seconds>',
      'what connections may finish in; as configured unless given',
    ),
    adminStop,
  );
}
