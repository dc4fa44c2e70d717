import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { configJsonSchema } from '../../ts/config/json-schema.js';
import '../../ts/config/schema.js';
import { knownOptions } from '../../ts/config/schema-base.js';
import { rowsOf } from '../helpers/markdown.js';
import { root } from '../helpers/source-text.js';
import { expect, tap } from '../helpers/tapbundle.js';

type TNode = { readonly [key: string]: unknown };

const page = await readFile(join(root, 'docs/configuration.md'), 'utf8');
const folder = join(root, 'ts/config');
const typeFiles = (await readdir(folder)).filter((name) => /^types(-\w+)?\.ts$/.test(name));
const types = (await Promise.all(typeFiles.map((name) => readFile(join(folder, name), 'utf8')))).join('\n');

/** The heading over the table of each place of the schema. */
const headings: Record<string, string> = {
  options: 'Options',
  timeouts: 'Timeouts',
  defaults: 'Defaults',
  metrics: 'Metrics',
  admin: 'Admin',
  route: 'Routes',
  match: 'Match',
  'forward action': 'Forward',
  'socket-handler action': 'Socket handler',
  'http-handler action': 'HTTP handler',
  'redirect action': 'Redirect',
  redirect: 'Redirect options',
  'respond action': 'Respond',
  respond: 'Answer options',
  'block action': 'Block',
  block: 'Block options',
  urlRewrite: 'Rewriting paths',
  retry: 'Retries',
  circuitBreaker: 'Circuit breaker',
  websocket: 'WebSockets',
  headers: 'Headers',
  cors: 'Cross-origin requests',
  hsts: 'Strict-Transport-Security',
  compression: 'Compression',
  http: 'HTTP limits',
  target: 'Targets',
  'target match': 'Target match',
  loadBalancing: 'Load balancing',
  sticky: 'Sticky cookie',
  nftables: 'Kernel forwarding',
  healthCheck: 'Health checks',
  expect: 'Expected answer',
  passive: 'Ejection',
  acme: 'ACME',
  profile: 'Certificate profiles',
  eab: 'External account binding',
  dns: 'DNS hook',
  'dns command': 'DNS command',
  onDemand: 'On demand',
  tls: 'TLS',
  certificate: 'Certificates',
  'certificate files': 'Certificate files',
  clientAuth: 'Client certificates',
  upstream: 'TLS to targets',
  security: 'Security',
  rateLimit: 'Rate limits',
  authentication: 'Authentication',
  basicAuth: 'Basic authentication',
  'basicAuth user': 'Users',
  jwtAuth: 'Tokens',
  jwks: 'Key sets',
  forwardAuth: 'Asking a server',
  credentials: 'Credentials',
};

const rowsUnder = (heading: string): string[][] =>
  rowsOf(page.split(/^#+ /m).find((part) => part.startsWith(`${heading}\n`)) ?? '');

/** Every object of the schema, by the names of its options: no two places have the same. */
const objects = new Map<string, TNode>();
const collect = (value: unknown): void => {
  if (typeof value !== 'object' || value === null) return;
  const node = value as TNode;
  if (node.type === 'object' && node.properties !== undefined)
    objects.set(
      Object.keys(node.properties as TNode)
        .sort()
        .join(),
      node,
    );
  Object.values(node).forEach(collect);
};
collect(configJsonSchema());

const shown = (value: unknown): string => {
  if (value === undefined) return '-';
  if (typeof value === 'number') return String(value).replace(/\B(?=(\d{3})+$)/g, ' ');
  return typeof value === 'string' ? `'${value}'` : JSON.stringify(value);
};

tap.test('the tables of the documentation have every option, in the order of the schema', () => {
  expect([...knownOptions.keys()].filter((place) => place !== 'port span').sort()).toEqual(
    Object.keys(headings).sort(),
  );
  const timeouts = knownOptions.get('timeouts') ?? [];
  for (const [place, heading] of Object.entries(headings)) {
    const options = knownOptions.get(place) ?? [];
    // The global timeouts have a table of their own.
    const wanted = place === 'options' ? options.filter((option) => !timeouts.includes(option)) : options;
    expect(rowsUnder(heading).map(([name]) => name)).toEqual(wanted);
  }
});

tap.test('the tables of the documentation have the defaults of the source', () => {
  let compared = 0;
  for (const [place, heading] of Object.entries(headings)) {
    const object = objects.get(
      [...(knownOptions.get(place) ?? [])]
        .filter((name) => name !== 'logger' && name !== 'certProvisionFunction' && name !== 'onDemand')
        .sort()
        .join(),
    );
    if (object === undefined) continue;
    const properties = object.properties as Record<string, TNode>;
    const required = (object.required ?? []) as string[];
    for (const [name = '', told] of rowsUnder(heading)) {
      const real = required.includes(name) ? 'required' : shown(properties[name]?.default);
      expect([place, name, told]).toEqual([place, name, real]);
      compared++;
    }
  }
  // All but the tables of what takes a function, which no file can hold.
  const handlers = ['Socket handler', 'HTTP handler', 'DNS hook', 'On demand'];
  const outside = handlers.flatMap(rowsUnder).length;
  expect(compared).toEqual(Object.values(headings).flatMap(rowsUnder).length - outside);
});

tap.test('every row says what its option means, and the unit of every number of time', () => {
  for (const [name, , unit, meaning = ''] of Object.values(headings).flatMap(rowsUnder)) {
    if (meaning.length < 5 && !/^`'[a-z-]+'`$/.test(meaning)) throw new Error(`${name}: what does it mean?`);
    if (name === 'sessionTimeout' || name === 'maxAge' || name === 'clockTolerance')
      expect([name, unit]).toEqual([name, 's']);
    else if (/Timeout$|Time$|Lifetime$|InitialDelay$|[iI]nterval$|MaxAge$|Ms$/.test(name ?? '')) {
      expect([name, unit]).toEqual([name, 'ms']);
    }
  }
});

tap.test('the comments of the types tell the defaults of the source', () => {
  const defaults = new Map<string, Set<string>>();
  for (const { properties } of objects.values()) {
    for (const [name, option] of Object.entries(properties as Record<string, TNode>)) {
      defaults.set(name, (defaults.get(name) ?? new Set()).add(shown(option.default)));
    }
  }
  let compared = 0;
  for (const [, comment = '', name = ''] of types.matchAll(/\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\n {2}(\w+)\?:/g)) {
    const told = /Default(?: is)? (`?'[\w-]+'|\d+ h|\d(?:[\d ]*\d)?(?:\.\d+)?|true|false)/
      .exec(comment)?.[1]
      ?.replace('`', '')
      .trim();
    // Compound ones are told in words.
    if (told === undefined || name === 'passive' || name === 'listenAddress' || name === 'expect') continue;
    // Several places may have an option of this name, each with its own default or, where it overrides, none.
    const wanted = told === '4 h' ? '14 400 000' : told;
    if (!defaults.get(name)?.has(wanted)) throw new Error(`${name}: ${told} is not its default`);
    compared++;
  }
  expect(compared).toBeGreaterThan(50);
});

export default tap.start();
