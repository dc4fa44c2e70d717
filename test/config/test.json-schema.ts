import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { configJsonSchema } from '../../ts/config/json-schema.js';
import '../../ts/config/schema.js';
import { knownOptions } from '../../ts/config/schema-base.js';
import * as plugins from '../../ts/plugins.js';
import { codeBlocksOf } from '../helpers/markdown.js';
import { root } from '../helpers/source-text.js';
import { expect, tap } from '../helpers/tapbundle.js';

type TNode = { readonly [key: string]: unknown };
const isNode = (value: unknown): value is TNode => typeof value === 'object' && value !== null;

const schema = configJsonSchema();
const nodes = [...nodesOf(schema)];

function* nodesOf(value: unknown): Generator<TNode> {
  if (!isNode(value)) return;
  yield value;
  for (const inner of Object.values(value)) yield* nodesOf(inner);
}

const validator = plugins.zod.fromJSONSchema(schema as Parameters<typeof plugins.zod.fromJSONSchema>[0]);
const accepts = (config: unknown): boolean => validator.safeParse(config).success;

tap.test('the schema is of draft 2020-12 and plain JSON', () => {
  expect(schema.$schema).toEqual('https://json-schema.org/draft/2020-12/schema');
  expect(JSON.parse(JSON.stringify(schema))).toEqual(schema);
});

tap.test('it has every option that a file can hold, and none that takes a function only', () => {
  const properties = new Set(nodes.flatMap((node) => (isNode(node.properties) ? Object.keys(node.properties) : [])));
  const outside = ['socket-handler action', 'http-handler action', 'dns', 'onDemand'];
  const wanted = [...knownOptions].filter(([place]) => !outside.includes(place)).flatMap(([, keys]) => keys);
  const functions = ['logger', 'certProvisionFunction', 'onDemand'];
  expect([...properties].sort()).toEqual([...new Set(wanted)].filter((key) => !functions.includes(key)).sort());
});

tap.test('every option has a description and every object is closed', () => {
  for (const { properties, additionalProperties } of nodes) {
    if (!isNode(properties) || 'description' in properties === isNode(properties.type)) continue;
    expect(additionalProperties).toEqual(false);
    for (const [name, option] of Object.entries(properties)) {
      if (!isNode(option) || typeof option.description !== 'string') throw new Error(`${name} has no description`);
    }
  }
});

tap.test('nothing in it accepts anything, and no mark of ours is left', () => {
  expect(JSON.stringify(schema)).not.toContain('fileForm');
  for (const node of nodes) {
    for (const list of [node.anyOf, node.oneOf]) {
      if (Array.isArray(list)) expect(list.every((entry) => isNode(entry) && Object.keys(entry).length > 0)).toBeTrue();
    }
  }
});

const target = { host: 'a.test', port: 80 };

tap.test('it takes what a file may hold', async () => {
  expect(accepts({ routes: [] })).toBeTrue();
  const action = {
    type: 'forward',
    targets: [{ ...target, host: ['a', 'b'], port: 'preserve', match: { ports: [1, { from: 2, to: 3 }] } }],
    tls: { mode: 'passthrough' },
    loadBalancing: { algorithm: 'consistent-hash', key: 'ip' },
    healthCheck: { interval: 0, passive: false },
  };
  const match = { ports: { from: 1, to: 9 }, domains: ['*.a.com'], clientIp: ['10.0.0.0/8'], protocol: 'tls' };
  expect(
    accepts({ routes: [{ name: 'a', match, action, security: { maxConnections: 1 } }], metrics: false }),
  ).toBeTrue();
  const pem = { cert: '-----BEGIN CERTIFICATE-----', key: '-----BEGIN PRIVATE KEY-----' };
  const http = {
    match: { ports: 443, path: '/a/*', method: ['GET'], headers: { accept: 'x' }, query: { a: 'b' } },
    action: {
      type: 'forward',
      target: { ...target, tls: true, headers: { 'X-A': null } },
      tls: { mode: 'terminate', certificate: pem, clientAuth: { mode: 'require', ca: [pem.cert] } },
      urlRewrite: { pattern: '^/a', target: '/' },
      circuitBreaker: true,
    },
    headers: { request: { 'X-B': '{path}' }, cors: { allowOrigin: ['https://a.test'] } },
    compression: { algorithms: ['br'] },
  };
  const answers = [
    { type: 'redirect', redirect: { to: '/a', status: 302 } },
    { type: 'respond', respond: { status: 200, body: 'x' } },
    { type: 'block', block: { status: 404 } },
  ];
  const routes = [http, ...answers.map((answer, index) => ({ match: { ports: 81 + index }, action: answer }))];
  expect(accepts({ routes, http: { maxHeaders: 5 }, trustedProxies: ['::1'] })).toBeTrue();
  const page = await readFile(join(root, 'docs/configuration.md'), 'utf8');
  const files = codeBlocksOf(page).filter(({ language }) => language === 'json');
  expect(files.length).toBeGreaterThan(0);
  for (const { text } of files) expect(accepts(JSON.parse(text))).toBeTrue();
});

tap.test('it takes nothing else', () => {
  const route = { match: { ports: 443 }, action: { type: 'forward', target } };
  const wrong: unknown[] = [
    null,
    {},
    { routes: {} },
    { routes: [], surprise: 1 },
    { routes: [], logger: {} },
    { routes: [{ ...route, match: {} }] },
    { routes: [{ ...route, match: { ports: '443' } }] },
    { routes: [{ ...route, match: { ports: 70_000 } }] },
    { routes: [{ ...route, action: { type: 'socket-handler', socketHandler: 'x' } }] },
    { routes: [{ ...route, action: { type: 'redirect' } }] },
    { routes: [{ ...route, action: { type: 'http-handler', httpHandler: 'x' } }] },
    { routes: [{ ...route, match: { ports: 443, headers: { a: {} } } }] },
    { routes: [{ ...route, action: { type: 'respond', respond: { status: 200, body: {} } } }] },
    { routes: [{ ...route, action: { type: 'forward', target: { ...target, weight: 0 } } }] },
    { routes: [], stallTimeout: -1 },
  ];
  for (const config of wrong) if (accepts(config)) throw new Error(`accepted: ${JSON.stringify(config)}`);
  expect(accepts({ routes: [route] })).toBeTrue();
});

export default tap.start();
