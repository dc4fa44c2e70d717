// The commands with their arguments and options, for commander. docs/cli.md lists the same; a test compares them.

import * as plugins from '../plugins.js';
import { attack, type IAttackArguments } from './attack.js';
import { certsImport, certsList, certsOrder, certsRevoke, certsRoot, type ICertsArguments } from './certs.js';
import { check, explain, forward, type IForwardArguments, type IRunArguments, run, schema } from './commands.js';
import { demo } from './demo.js';
import type { IHost } from './host.js';
import { logLevels } from './log.js';
import { nftClean, nftShow } from './nft.js';
import { addAdmin, tokenOption } from './program-admin.js';

type TCommander = Awaited<ReturnType<typeof plugins.loadCommander>>;
type TCommand = InstanceType<TCommander['Command']>;

export async function makeProgram(host: IHost): Promise<TCommand> {
  const commander = await plugins.loadCommander();
  const program = new commander.Command('smartproxy');
  program
    .description(
      'A proxy for TCP, TLS and HTTP: routes connections by port, name and address, requests by host and path.',
    )
    .version(await version())
    .configureOutput({ writeOut: (text) => host.out(chomp(text)), writeErr: (text) => host.err(chomp(text)) })
    .exitOverride()
    .helpCommand(false)
    .showHelpAfterError('(--help tells what there is)');
  addRun(program, commander, host);
  addForward(program, commander, host);
  addCheck(program, host);
  addExplain(program, host);
  addAdmin(program, host);
  addCerts(program, host);
  addAttack(program, host);
  addNft(program, host);
  program
    .command('schema')
    .description('print the JSON Schema of the configuration file')
    .action(() => schema(host));
  program
    .command('demo')
    .description('show TLS by name, plain TCP and HTTPS on one port, on this machine, with real connections')
    .option('--keep', 'go on until Ctrl-C, to try it by hand')
    .action((given: { keep?: boolean }) => demo(given, host));
  return program;
}

const config = ['--config <file>', 'the configuration: .json, .yaml, .yml, .js, .mjs or .ts'] as const;
const json = ['--json', 'print JSON'] as const;

function addRun(program: TCommand, commander: TCommander, host: IHost): void {
  program
    .command('run')
    .description('run a proxy as a configuration file says, until a signal stops it')
    .requiredOption(...config)
    .option('--watch', 'reload the routes whenever the file changes')
    .option('--admin <place>', 'serve the admin interface there: host:port, or a port of this machine')
    .option(...tokenOption)
    .option('--workers <number>', 'processes that share the work; auto: one for each processor')
    .addOption(logLevel(commander))
    .option(...json)
    .action((given: IRunArguments) => run(given, host));
}

function addForward(program: TCommand, commander: TCommander, host: IHost): void {
  program
    .command('forward')
    .description('forward one port, without a configuration file')
    .argument('<from>', 'where to listen: port, address:port or [IPv6]:port')
    .argument(
      '<to>',
      'where to: host:port or [IPv6]:port for bytes, http://host:port or https://host:port for requests',
    )
    .option('--domain <name>', 'take only what asks for this name, by SNI or by Host; may be repeated', collect)
    .option('--path <path>', 'take only requests for this path; /api/* is all below one')
    .addOption(
      new commander.Option(
        '--tls <mode>',
        "take TLS connections only: leave them as they are, or end TLS by a certificate of an authority of its own, or of Let's Encrypt",
      ).choices(['passthrough', 'internal', 'auto']),
    )
    .option('--email <address>', "of --tls auto: where Let's Encrypt tells of trouble")
    .option('--staging', 'of --tls auto: certificates for trying, which nobody trusts')
    .option('--cert <file>', 'terminate TLS by this certificate, a chain in PEM; read again when it changes')
    .option('--key <file>', 'the key of the certificate, in PEM')
    .addOption(
      new commander.Option('--proxy-protocol <version>', 'tell the target the client by a PROXY header').choices([
        '1',
        '2',
      ]),
    )
    .addOption(logLevel(commander))
    .option(...json)
    .action((from: string, to: string, given: IForwardArguments) => forward(from, to, given, host));
}

function addCheck(program: TCommand, host: IHost): void {
  program
    .command('check')
    .description('tell every fault of a configuration file, each with its place')
    .requiredOption(...config)
    .option(...json)
    .action((given: { config: string; json?: boolean }) => check(given, host));
}

function addExplain(program: TCommand, host: IHost): void {
  program
    .command('explain')
    .description('tell step by step what would become of a connection or a request, and why; nothing is opened')
    .argument('<url>', 'what the client asks for: https://a.test:8443/path, tls://a.test, tcp://:2525 or host:port')
    .requiredOption(...config)
    .option('--from <address>', 'the address of the client')
    .option('--tls', 'the client speaks TLS, whatever the URL says')
    .option('--no-tls', 'the client does not speak TLS, whatever the URL says')
    .option('--alpn <protocols>', 'the protocols that the client offers, separated by commas')
    .option('--method <method>', 'the method of the request; GET unless given')
    .option('--header <field>', "a field of the request, 'name: value'; may be repeated", collect)
    .option(...json)
    .action((url: string, given) => explain(url, given, host));
}

function addCerts(program: TCommand, host: IHost): void {
  const certs = program
    .command('certs')
    .description('the certificates of a configuration: what the store holds, and orders without a running proxy')
    .helpCommand(false);
  certs
    .command('list')
    .description('list what is in the store and what routes want')
    .requiredOption(...config)
    .option(...json)
    .action((given: ICertsArguments) => certsList(given, host));
  for (const how of ['issue', 'renew'] as const) {
    certs
      .command(how)
      .description(how === 'issue' ? 'order what is missing or due' : 'order anew, due or not')
      .argument('[name]', 'which alone')
      .requiredOption(...config)
      .option(...json)
      .action((name: string | undefined, given: ICertsArguments) => certsOrder(how, name, given, host));
  }
  certs
    .command('revoke')
    .description('tell the authority that a certificate is not to be trusted any more')
    .argument('<name>', 'a name of it')
    .requiredOption(...config)
    .option('--reason <number>', 'why: RFC 5280, section 5.3.1; 1: the key is known to others, 4: there is a new one')
    .action((name: string, given: ICertsArguments & { reason?: string }) => certsRevoke(name, given, host));
  certs
    .command('import')
    .description('put a certificate from elsewhere into the store')
    .argument('<cert>', 'a file with the chain, leaf first, in PEM')
    .argument('<key>', 'a file with its key, in PEM')
    .requiredOption(...config)
    .option(...json)
    .action((cert: string, key: string, given: ICertsArguments) => certsImport(cert, key, given, host));
  certs
    .command('root')
    .description("print the root of the proxy's own authority, which clients of certificate 'internal' must trust")
    .requiredOption(...config)
    .action((given: ICertsArguments) => certsRoot(given, host));
}

function addAttack(program: TCommand, host: IHost): void {
  program
    .command('attack')
    .description(
      'try request smuggling, spoofing and the like on a proxy of yours; ends with 1 if anything gets past it',
    )
    .option('--config <file>', 'without --target: run this on loopback, in front of targets that record, and attack it')
    .option('--target <address>', 'host:port of a proxy that runs; --config then tells what it serves')
    .option('--i-own-this-target', 'attack a target that is not on this machine')
    .option('--tls', 'the target speaks TLS, whatever the configuration says')
    .option('--host <name>', 'what requests ask for')
    .option('--path <path>', 'a path that is served to anybody')
    .option('--protected <path>', 'a path that is refused to anybody; may be repeated', collect)
    .option('--header <field>', "a field that requests need to be served, 'name: value'; may be repeated", collect)
    .option('--only <families>', 'only these kinds of attacks, separated by commas')
    .option('--slow', 'slow attacks too, which take half a minute')
    .option('--all', 'a line for each attack, not findings alone')
    .option(...json)
    .action((given: IAttackArguments) => attack(given, host));
}

function addNft(program: TCommand, host: IHost): void {
  const nft = program
    .command('nft')
    .description('what proxies have put into the kernel of this machine')
    .helpCommand(false);
  nft
    .command('show')
    .description('list the tables of proxies, with what they have counted')
    .option(...json)
    .action((given: { json?: boolean }) => nftShow(given, host));
  nft
    .command('clean')
    .description('remove what proxies that are gone have left')
    .option('--all', 'remove the tables of running ones too')
    .option(...json)
    .action((given: { all?: boolean; json?: boolean }) => nftClean(given, host));
}

const logLevel = ({ Option }: TCommander) =>
  new Option('--log-level <level>', 'what is logged on standard error').choices(logLevels).default('info');

const collect = (value: string, values: readonly string[] | undefined): string[] => [...(values ?? []), value];

const chomp = (text: string): string => text.replace(/\n$/, '');

async function version(): Promise<string> {
  const manifest = await plugins.fs.promises.readFile(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}
