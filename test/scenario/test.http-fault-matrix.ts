// Every fault at every step of a request: what its client gets, with which word the connection ends, what is reported, which
// connections to the target are kept, and that nothing is left.

import type { ISmartProxyOptions } from '../../ts/index.js';
import { startBlackhole } from '../helpers/blackhole.js';
import { type ICertificate, makeCertificate } from '../helpers/certificates.js';
import {
  type IHttpCell,
  type IHttpOutcome,
  type IHttpStep,
  runHttpCell,
  type THttpFault,
} from '../helpers/http-fault-world.js';
import { watchInnerParts } from '../helpers/inner-parts.js';
import { get, opening, post, switched } from '../helpers/requests.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';

const eight = 'HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n';
const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';

const steps = {
  'head half sent': { client: 'GET / HTTP/1.1\r\nHost: a.te', reached: 'sent' },
  dialing: { client: get(), reached: 'sent', blackhole: true },
  'dialing, content waits': { client: post('/', 'content!'), reached: 'sent', blackhole: true },
  'content half sent': { client: post('/', 'half', 8), reached: 'asked' },
  'chunk half sent': {
    client: `${get('/', 'Transfer-Encoding: chunked').replace('GET', 'PUT')}8\r\nhalf`,
    reached: 'asked',
  },
  'no answer yet': { client: get(), reached: 'asked' },
  'no answer to a POST yet': { client: post('/', 'content!'), reached: 'asked' },
  'answer head half there': { client: get(), target: 'HTTP/1.1 200 OK\r\nContent-Le', reached: 'asked' },
  'answer head there': { client: get(), target: eight, reached: 'begun' },
  'mid-length': { client: get(), target: `${eight}half`, reached: 'begun' },
  'mid-chunk': { client: get(), target: `${chunked}8\r\nhalf`, reached: 'begun' },
  'until close': { client: get(), target: 'HTTP/1.1 200 OK\r\n\r\nhalf', reached: 'begun' },
  'answered early': { client: post('/', 'half', 8), target: `${eight}content!`, reached: 'begun' },
  idle: { client: get(), target: `${eight}content!`, reached: 'answered' },
  'upgrade sent': { client: opening(), reached: 'asked' },
  'tunnel open': { client: opening(), target: switched, reached: 'begun' },
  'client stuck': {
    client: get(),
    target: eight.replace('8', '900000000'),
    reached: 'begun',
    stuck: 'client',
  },
  'target stuck': { client: post('/', '', 900_000_000), reached: 'asked', stuck: 'target' },
} as const satisfies Record<string, IHttpStep>;

interface IRow extends IHttpOutcome {
  readonly step: keyof typeof steps;
  /** One after the other; those joined by `+` at once. A limit: it is short, and nobody does anything. */
  readonly faults: string;
}

const row = (step: IRow['step'], faults: string, client: string, end: string, report: string, kept: 0 | 1): IRow => ({
  step,
  faults,
  client,
  end,
  report,
  kept,
});

// biome-ignore format: a table.
const table: readonly IRow[] = [
  row('head half sent', 'client FIN', '- fin', 'client_aborted', '-', 0),
  row('head half sent', 'client RST', '- own', 'client_error', '-', 0),
  row('head half sent', 'client garbage', '400 fin', 'protocol_error', '-', 0),
  row('head half sent', 'headersTimeout', '408 fin', 'headers_timeout', '-', 0),

  row('dialing', 'client FIN', '- fin', 'client_aborted', '499 CLIENT_LEFT', 0),
  row('dialing', 'client RST', '- own', 'client_error', '499 CLIENT_LEFT', 0),
  row('dialing', 'connectionTimeout', '504 open', '-', '504 TARGET_TIMEOUT', 0),
  row('dialing', 'requestTimeout', '504 open', '-', '504 RESPONSE_TIMEOUT', 0),
  row('dialing, content waits', 'client FIN', '- fin', 'client_aborted', '499 CLIENT_LEFT', 0),
  row('dialing, content waits', 'client RST', '- own', 'client_error', '499 CLIENT_LEFT', 0),
  row('dialing, content waits', 'connectionTimeout', '504 open', '-', '504 TARGET_TIMEOUT', 0),

  ...(['content half sent', 'chunk half sent'] as const).flatMap((step) => [
    row(step, 'client FIN', '- fin', 'client_aborted', '499 CLIENT_LEFT', 0),
    row(step, 'client RST', '- own', 'client_error', '499 CLIENT_LEFT', 0),
    row(step, 'target FIN', '502 open', '-', '502 TARGET_BROKE', 0),
    row(step, 'target RST', '502 open', '-', '502 TARGET_BROKE', 0),
    row(step, 'target garbage', '502 open', '-', '502 TARGET_MALFORMED', 0),
    row(step, 'requestTimeout', '408 open', '-', '408 REQUEST_TIMEOUT', 0),
    row(step, 'inactivityTimeout', '- fin', 'inactivity_timeout', '504 TIMEOUT', 0),
    row(step, 'client RST+target RST', '- own', 'client_error', '499 CLIENT_LEFT or 502 TARGET_BROKE', 0),
  ]),
  row('chunk half sent', 'client garbage', '400 fin', 'protocol_error', '400 REQUEST_MALFORMED', 0),

  ...(['no answer yet', 'no answer to a POST yet', 'answer head half there'] as const).flatMap((step) => [
    row(step, 'client FIN', '- fin', 'client_aborted', '499 CLIENT_LEFT', 0),
    row(step, 'client RST', '- own', 'client_error', '499 CLIENT_LEFT', 0),
    row(step, 'target FIN', '502 open', '-', '502 TARGET_BROKE', 0),
    row(step, 'target RST', '502 open', '-', '502 TARGET_BROKE', 0),
    row(step, 'target garbage', '502 open', '-', '502 TARGET_MALFORMED', 0),
    row(step, 'responseTimeout', '504 open', '-', '504 RESPONSE_TIMEOUT', 0),
    row(step, 'requestTimeout', '504 open', '-', '504 RESPONSE_TIMEOUT', 0),
    row(step, 'inactivityTimeout', '- fin', 'inactivity_timeout', '504 TIMEOUT', 0),
    row(step, 'client RST+target RST', '- own', 'client_error', '499 CLIENT_LEFT or 502 TARGET_BROKE', 0),
    row(step, 'client garbage, target FIN', '502, 400 fin', 'protocol_error', '502 TARGET_BROKE', 0),
  ]),

  ...(['answer head there', 'mid-length', 'mid-chunk'] as const).flatMap((step) => [
    row(step, 'client FIN', '200 cut fin', 'client_aborted', '499 CLIENT_LEFT', 0),
    row(step, 'client RST', '200 cut own', 'client_error', '499 CLIENT_LEFT', 0),
    row(step, 'target FIN', '200 cut reset', 'target_error', '200 TARGET_BROKE', 0),
    row(step, 'target RST', '200 cut reset', 'target_error', '200 TARGET_BROKE', 0),
    row(step, 'requestTimeout', '200 cut fin', 'request_timeout', '200 TIMEOUT', 0),
    row(step, 'inactivityTimeout', '200 cut fin', 'inactivity_timeout', '200 TIMEOUT', 0),
    row(step, 'client RST+target RST', '200 cut own', 'client_error or target_error', '499 CLIENT_LEFT or 200 TARGET_BROKE', 0),
  ]),
  row('mid-chunk', 'target garbage', '200 cut reset', 'target_error', '200 TARGET_MALFORMED', 0),
  // What is beyond the length belongs to no answer.
  row('mid-length', 'target garbage', '200 open', '-', '200', 0),
  row('until close', 'target FIN', '200 open', '-', '200', 0),
  row('until close', 'target RST', '200 cut reset', 'target_error', '200 TARGET_BROKE', 0),
  row('until close', 'client FIN', '200 cut fin', 'client_aborted', '499 CLIENT_LEFT', 0),
  row('answered early', 'client FIN', '200 fin', 'client_closed', '200', 0),
  row('answered early', 'headersTimeout', '200 fin', 'keep_alive_timeout', '200', 0),

  row('idle', 'client FIN', '200 fin', 'client_closed', '200', 1),
  row('idle', 'client RST', '200 own', 'client_error', '200', 1),
  row('idle', 'client garbage', '200, 400 fin', 'protocol_error', '200', 1),
  row('idle', 'target FIN', '200 open', '-', '200', 0),
  row('idle', 'target RST', '200 open', '-', '200', 0),
  row('idle', 'target garbage', '200 open', '-', '200', 0),
  row('idle', 'keepAliveTimeout', '200 fin', 'keep_alive_timeout', '200', 1),
  row('idle', 'client RST+target RST', '200 own', 'client_error', '200', 0),

  row('upgrade sent', 'client FIN', '- fin', 'client_aborted', '499 CLIENT_LEFT', 0),
  row('upgrade sent', 'client RST', '- own', 'client_error', '499 CLIENT_LEFT', 0),
  row('upgrade sent', 'target FIN', '502 fin', 'normal', '502 TARGET_BROKE', 0),
  row('upgrade sent', 'target RST', '502 fin', 'normal', '502 TARGET_BROKE', 0),
  row('upgrade sent', 'target garbage', '502 fin', 'normal', '502 TARGET_MALFORMED', 0),
  row('upgrade sent', 'responseTimeout', '504 fin', 'normal', '504 RESPONSE_TIMEOUT', 0),
  row('tunnel open', 'client FIN', '101 fin', 'client_closed', '101', 0),
  row('tunnel open', 'client RST', '101 own', 'client_error', '101', 0),
  row('tunnel open', 'target FIN', '101 fin', 'target_closed', '101', 0),
  row('tunnel open', 'target RST', '101 reset', 'target_error', '101', 0),
  row('tunnel open', 'inactivityTimeout', '101 fin', 'inactivity_timeout', '101', 0),
  row('tunnel open', 'client RST+target RST', '101 own', 'client_error or target_error', '101', 0),

  row('client stuck', 'client FIN', '200 cut end', 'client_aborted', '499 CLIENT_LEFT', 0),
  row('client stuck', 'client RST', '200 cut own', 'client_error', '499 CLIENT_LEFT', 0),
  row('client stuck', 'target RST', '200 cut end', 'stall_timeout or target_error', '200 TIMEOUT or 200 TARGET_BROKE', 0),
  row('client stuck', 'stallTimeout', '200 cut end', 'stall_timeout', '200 TIMEOUT', 0),
  // Where nobody reads what a side sends, its reset is not seen either, until a limit tells.
  row('target stuck', 'client RST', '- own', 'client_error', '504 RESPONSE_TIMEOUT or 499 CLIENT_LEFT', 0),
  row('target stuck', 'target RST', '502 fin', 'normal', '502 TARGET_BROKE', 0),
  row('target stuck', 'target FIN', '502 fin', 'normal', '502 TARGET_BROKE', 0),
  row('target stuck', 'stallTimeout', '504 fin', 'normal', '504 RESPONSE_TIMEOUT', 0),
];

/** What must have happened before it counts from the beginning of the request: a busy machine needs some of it for that. */
const short = 600;
/** What is short where a row names it. */
const limits: Record<string, Partial<ISmartProxyOptions>> = {
  connectionTimeout: { connectionTimeout: short },
  responseTimeout: { responseTimeout: short },
  inactivityTimeout: { inactivityTimeout: short },
  stallTimeout: { stallTimeout: 3_000 },
  requestTimeout: { http: { requestTimeout: short } },
  headersTimeout: { http: { headersTimeout: short } },
  keepAliveTimeout: { http: { keepAliveTimeout: short } },
};

function cellOf({ step, faults, end, kept }: IRow, blackhole: number, certificate: ICertificate | null): IHttpCell {
  const words = faults.split(', ').filter((word) => !(word in limits));
  const isStuck = 'stuck' in steps[step];
  const name = faults in limits ? faults : isStuck ? 'stallTimeout' : '';
  return {
    step: steps[step],
    faults: words.map((word) => word.split('+') as THttpFault[]),
    options: limits[name] ?? {},
    certificate,
    blackhole,
    waitFor: end === '-' ? 'answer' : 'end',
    kept,
  };
}

const lineOf = ({ client, end, report, kept }: IHttpOutcome): string => [client, end, report, kept].join(' | ');

/** `a or b` in a table is what depends on which of two came first. */
const fits = (got: IHttpOutcome, want: IHttpOutcome): boolean =>
  got.client === want.client &&
  want.end.split(' or ').includes(got.end) &&
  want.report.split(' or ').includes(got.report) &&
  got.kept === want.kept;

/** Runs `width` cells at a time. Gives a line for each whose outcome is another than the table's. */
async function runTable(rows: readonly IRow[], certificate: ICertificate | null, width = 10): Promise<string[]> {
  await using blackhole = await startBlackhole();
  const wrong: string[] = [];
  const left = [...rows];
  const runOne = async (it: IRow) => {
    const want = it as IHttpOutcome;
    const got = await runHttpCell(cellOf(it, blackhole.port, certificate)).catch((error: Error) => error.message);
    if (typeof got !== 'string' && fits(got, want)) return;
    wrong.push(`${it.step}; ${it.faults}: want ${lineOf(want)}, got ${typeof got === 'string' ? got : lineOf(got)}`);
  };
  await Promise.all(
    Array.from({ length: width }, async () => {
      // The last rows take longest.
      for (let next = left.pop(); next !== undefined; next = left.pop()) await runOne(next);
    }),
  );
  return wrong.sort();
}

/** Descriptors and what else keeps a process alive, by kind. */
function handles(): string {
  return process
    .getActiveResourcesInfo()
    .filter((kind) => /TCP|Pipe|TLS|UDP/.test(kind))
    .sort()
    .join(' ');
}

/** Time and backpressure are the same above TLS. */
const isForTls = ({ step, faults }: IRow): boolean =>
  !('stuck' in steps[step]) && (!(faults in limits) || faults === 'responseTimeout');

tap.timeout(100_000);

for (const isTls of [false, true]) {
  tap.test(`every fault at every step of a request does what the table says${isTls ? ', TLS too' : ''}`, async () => {
    using inner = watchInnerParts();
    const certificate = isTls ? await makeCertificate({ names: ['a.test'] }) : null;
    const before = handles();
    expect(await runTable(isTls ? table.filter(isForTls) : table, certificate)).toEqual([]);
    expect([inner.leases, inner.upstreams]).toEqual([0, { open: 0, idle: 0, waiting: 0 }]);
    await until(
      () => handles() === before,
      2_000,
      () => `the handles of the beginning (${before}), has ${handles()}`,
    );
  });
}

export default tap.start();
