import fc from 'fast-check';
import { NftValidationError } from '../../ts/nftables/errors.js';
import type { IKernelRoute } from '../../ts/nftables/kernel-route.js';
import type { IRule } from '../../ts/nftables/nft-json.js';
import { makeTable } from '../../ts/nftables/ruleset.js';
import { commandsToChange, commandsToCreate, commandsToRemove } from '../../ts/nftables/ruleset-diff.js';
import { turnsOf } from '../../ts/nftables/ruleset-forward.js';
import type { ITableModel } from '../../ts/nftables/ruleset-model.js';
import { anyText } from '../helpers/any-text.js';
import { makeKernelRoute, makeKernelTable } from '../helpers/make-kernel.js';
import { expect, numRuns, tap } from '../helpers/tapbundle.js';

const modelOf = (...routes: Partial<IKernelRoute>[]): ITableModel =>
  makeTable(makeKernelTable(routes.map((route, i) => makeKernelRoute({ key: `${i}`, number: i + 1, ...route }))));
const rulesOf = (model: ITableModel, prefix: string): readonly IRule[] => {
  const [found] = [...model.chains].filter(([name]) => name.startsWith(prefix));
  return found?.[1] ?? [];
};
const text = (value: unknown): string => JSON.stringify(value);

tap.test('a route becomes a dispatch in both guards, an entry in each dictionary, and chains of its own', () => {
  const model = modelOf({});
  const [name] = [...model.chains.keys()].filter((chain) => chain.startsWith('r1_guard'));
  expect(text(model.hooks.get('guard_in')?.rules.at(-1))).toContain(`"goto":{"target":"${name}"}`);
  expect(text(model.hooks.get('guard_local')?.rules.at(-1))).toContain(`"goto":{"target":"${name}"}`);
  const mark = 0x12340001;
  expect([...(model.dictionaries.get('nat')?.elements.keys() ?? [])]).toEqual([mark]);
  expect([...(model.dictionaries.get('masquerade')?.elements.keys() ?? [])]).toEqual([mark]);
  expect(text(rulesOf(model, 'r1_guard'))).toContain(`"value":${mark}`);
  expect(text(rulesOf(model, 'r1_to'))).toContain('"dnat":{"family":"ip","addr":"192.0.2.1","port":8080}');
});

tap.test('the address of a client is masqueraded unless it is to be preserved', () => {
  const elements = (route: Partial<IKernelRoute>, name: string) => modelOf(route).dictionaries.get(name)?.elements.size;
  expect(elements({ preserveSourceIP: true }, 'masquerade')).toEqual(0);
  expect(elements({ randomPorts: true }, 'masquerade')).toEqual(0);
  expect(elements({ randomPorts: true }, 'masquerade_random')).toEqual(1);
});

tap.test('an offset is a map of each port, since a range of target ports would send everything to its first', () => {
  const ports = [
    { from: 8000, to: 8002 },
    { from: 8009, to: 8009 },
  ];
  const model = modelOf({ ports, targets: [{ address: '192.0.2.1', port: { offset: 1000 }, weight: 1 }] });
  const [[name, body] = ['', {}]] = [...model.sets];
  expect(body).toEqual({
    type: 'inet_service',
    map: 'inet_service',
    elem: [
      [8000, 9000],
      [8001, 9001],
      [8002, 9002],
      [8009, 9009],
    ],
  });
  expect(text(rulesOf(model, 'r1_to'))).toContain(`"data":"@${name}"`);
  // A rule that reads the port says first of which transport.
  expect(text(rulesOf(model, 'r1_to')[0]?.expr[0])).toContain('l4proto');
});

tap.test('a packet keeps its family: each has the targets of its own', () => {
  const v4 = { address: '192.0.2.1', port: 80, weight: 1 } as const;
  const v6 = { address: '2001:db8::1', port: 80, weight: 1 } as const;
  const familiesIn = (route: Partial<IKernelRoute>) =>
    (modelOf(route).hooks.get('guard_in')?.rules ?? [])
      .filter(({ comment }) => comment !== undefined)
      .map((rule) => /ipv[46]/.exec(text(rule))?.[0]);
  expect(familiesIn({ targets: [v4] })).toEqual(['ipv4']);
  expect(familiesIn({ targets: [v4, v6] })).toEqual(['ipv4', 'ipv6']);
  expect(familiesIn({ targets: [v4, v6], listenAddress: '0.0.0.0' })).toEqual(['ipv4']);
  expect(familiesIn({ targets: [{ address: null, port: 8443, weight: 1 }] })).toEqual(['ipv4', 'ipv6']);
  expect(familiesIn({ targets: [v4, v6], clients: { ip: [], ip6: ['2001:db8::/32'] } })).toEqual(['ipv6']);
});

tap.test('turns give each target its share, spread evenly', () => {
  expect(turnsOf([1, 1])).toEqual([0, 1]);
  expect(turnsOf([1000, 1000, 1000])).toEqual([0, 1, 2]);
  expect(turnsOf([2, 1])).toEqual([0, 1, 0]);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 8 }), (weights) => {
      const turns = turnsOf(weights);
      weights.forEach((weight, i) => {
        const share = turns.filter((turn) => turn === i).length;
        expect(share * weights.reduce((a, b) => a + b)).toEqual(weight * turns.length);
      });
    }),
    { seed: 375, numRuns: numRuns(100) },
  );
});

tap.test('weights without a common measure are rounded before their map is large', () => {
  const weights = Array.from({ length: 1000 }, (_, i) => i + 1);
  const turns = turnsOf(weights);
  expect(turns.length).toBeLessThan(5001);
  const shares = weights.map((_, i) => turns.filter((turn) => turn === i).length);
  expect(shares[0]).toEqual(1);
  expect(shares[999]).toBeGreaterThan(2 * (shares[400] ?? 0));
  const three = turnsOf([1999, 1997, 1993]);
  expect(three.length).toBeLessThan(4003);
  expect(three.filter((turn) => turn === 0).length / three.length).toBeCloseTo(1999 / 5989, 2);
});

tap.test('who is in no allow list is refused, of both families; who is in a block list too, named or not', () => {
  const lists = [{ allow: { ip: ['10.0.0.0/8'], ip6: [] }, block: { ip: ['10.0.0.1-10.0.0.9'], ip6: ['::2'] } }];
  for (const useSets of [true, false]) {
    const model = modelOf({ lists, useSets });
    const refusals = rulesOf(model, 'r1_guard').filter((rule) => text(rule).includes('r1_refused'));
    expect(refusals).toHaveLength(4);
    expect(text(refusals).includes('@r1_')).toEqual(useSets);
    expect(model.sets.size).toEqual(useSets ? 3 : 0);
  }
});

tap.test('limits of clients hold for all routes of a table by one chain', () => {
  const limits = { maxConnectionsPerIP: 5, connectionRateLimitPerMinute: 60 };
  const model = makeTable(makeKernelTable([makeKernelRoute(), makeKernelRoute({ number: 2 })], { limits }));
  const chains = [...model.chains.keys()].filter((name) => name.startsWith('clients'));
  expect(chains).toHaveLength(1);
  expect(rulesOf(model, 'clients')).toHaveLength(4);
  expect(text(rulesOf(model, 'clients'))).toContain('ffff:ffff:ffff:ffff::');
  // Clients of long ago leave room for others; the kernel forgets counts of no connections by itself.
  const remembered = (rulesOf(model, 'clients') ?? []).map((rule) => text(rule).includes('"timeout":120'));
  expect(remembered).toEqual([false, false, true, true]);
});

tap.test('a table that closes lets nobody in and keeps everything else', () => {
  const open = makeTable(makeKernelTable([makeKernelRoute()]));
  const closing = makeTable(makeKernelTable([makeKernelRoute()], { isClosing: true }));
  expect(text(closing.hooks.get('guard_in'))).not.toContain('goto');
  expect([...closing.chains.keys()]).toEqual([...open.chains.keys()]);
});

tap.test('equal routes give equal rules, and a change of nothing no command', () => {
  expect(commandsToChange(modelOf({}, {}), modelOf({}, {}))).toEqual([]);
});

tap.test('a change of the lists of a route leaves its count of connections', () => {
  const limited = (address: string) =>
    modelOf({ maxConnections: 5, lists: [{ allow: null, block: { ip: [address], ip6: [] } }] });
  const commands = commandsToChange(limited('192.0.2.1'), limited('192.0.2.2'));
  expect(commands.some((command) => text(command).includes('r1_guard'))).toBeTrue();
  expect(commands.some((command) => text(command).includes('"name":"r1_limit'))).toBeFalse();
});

tap.test('a change touches what changes: other routes keep their chains, counters and count of connections', () => {
  const before = modelOf({}, { maxConnections: 5 });
  const commands = commandsToChange(before, modelOf({ maxConnections: 7 }, { maxConnections: 5 }));
  const touched = text(commands.filter((command) => !text(command).includes('"flush":{"chain"')));
  expect(touched).toContain('r1_guard');
  expect(touched).not.toContain('"name":"r2_');
  expect(touched).not.toContain('counter":{"family":"inet","table":"smartproxy_1_1","name":"r1_new"');
});

/** A kernel of a few lines: what a list of commands makes of a table. */
function run(commands: readonly object[], state = new Map<string, unknown>()): Map<string, unknown> {
  for (const command of commands) {
    const [[verb, body] = ['', {}]] = Object.entries(command);
    const [[kind, given] = ['', {}]] = Object.entries(body as Record<string, Record<string, unknown>>);
    const { name, chain, expr, elem } = given as { name: string; chain: string; expr: unknown; elem: unknown[] };
    const id = `${kind} ${name}`;
    const rules = (of: string) => state.get(`chain ${of}`) as unknown[];
    if (kind === 'rule') rules(chain).push(expr);
    else if (kind === 'element') {
      const elements = state.get(`elements ${name}`) as Set<string>;
      for (const one of elem) {
        const key = text(one);
        if (verb === 'add') expect(elements.has(key)).toBeFalse();
        else expect(elements.delete(key)).toBeTrue();
        if (verb === 'add') elements.add(key);
      }
    } else if (verb === 'flush') rules(name).length = 0;
    else if (verb === 'delete' && kind === 'table') state.clear();
    else if (verb === 'delete') {
      if (kind === 'chain') {
        expect(rules(name)).toEqual([]);
        const used = [...state].filter(([, value]) =>
          text(value instanceof Set ? [...value] : value)?.includes(`"${name}"`),
        );
        expect(used).toEqual([]);
      }
      expect(state.delete(id)).toBeTrue();
    } else if (kind !== 'table') {
      expect(state.has(id)).toBeFalse();
      state.set(id, kind === 'chain' ? [] : text(given));
      if (/nat|flows|masquerade/.test(name) && kind !== 'chain') state.set(`elements ${name}`, new Set<string>());
    }
  }
  return state;
}

const sorted = (state: Map<string, unknown>): unknown =>
  [...state]
    .map(([id, value]) => [id, value instanceof Set ? [...value].sort() : value])
    .sort((a, b) => (text(a) < text(b) ? -1 : 1));

const anyRoute = fc
  .record({
    number: fc.integer({ min: 1, max: 6 }),
    port: fc.integer({ min: 1, max: 60_000 }),
    span: fc.integer({ min: 0, max: 5 }),
    offset: fc.option(fc.integer({ min: 1, max: 5000 }), { nil: null }),
    maxConnections: fc.option(fc.integer({ min: 1, max: 3 }), { nil: null }),
    preserveSourceIP: fc.boolean(),
    blocked: fc.boolean(),
    balancing: fc.constantFrom('round-robin' as const, 'ip-hash' as const),
    count: fc.integer({ min: 1, max: 3 }),
  })
  .map(({ number, port, span, offset, blocked, count, ...rest }) =>
    makeKernelRoute({
      key: `k${number}`,
      label: `k${number}`,
      number,
      ports: [{ from: port, to: port + span }],
      lists: blocked ? [{ allow: null, block: { ip: ['10.0.0.1'], ip6: [] } }] : [],
      targets: Array.from({ length: count }, (_, i) => ({
        address: i === 2 ? '2001:db8::1' : `192.0.2.${i + 1}`,
        port: offset === null ? ('preserve' as const) : { offset },
        weight: i + 1,
      })),
      ...rest,
    }),
  );
const anyRoutes = fc.uniqueArray(anyRoute, { maxLength: 5, selector: ({ number }) => number });

tap.test('from any routes to any others by a change is the same as making the table anew', () => {
  fc.assert(
    fc.property(anyRoutes, anyRoutes, (one, other) => {
      const before = makeTable(makeKernelTable(one));
      const after = makeTable(makeKernelTable(other));
      const changed = run(commandsToChange(before, after), run(commandsToCreate(before)));
      expect(sorted(changed)).toEqual(sorted(run(commandsToCreate(after))));
      expect(run(commandsToRemove(after.name), changed).size).toEqual(0);
    }),
    { seed: 375, numRuns: numRuns(150) },
  );
});

/** What would mean something to nft, to a shell or to a log, were it let through. */
const hostile = [
  '";drop',
  '`id`',
  '$(id)',
  'a\nadd rule',
  'x"; flush ruleset; #',
  '../x',
  '{ }',
  '@set',
  "'",
  '\\',
  '\0',
  'é',
  '',
  ' ',
];

tap.test('hostile text in any string of a table is refused before anything is made of it', () => {
  const strings: Record<string, (bad: string) => Parameters<typeof makeTable>[0]> = {
    name: (bad) => makeKernelTable([], { name: bad }),
    label: (bad) => makeKernelTable([makeKernelRoute({ label: bad })]),
    logPrefix: (bad) => makeKernelTable([makeKernelRoute({ logPrefix: bad })]),
    listenAddress: (bad) => makeKernelTable([makeKernelRoute({ listenAddress: bad })]),
    target: (bad) => makeKernelTable([makeKernelRoute({ targets: [{ address: bad, port: 80, weight: 1 }] })]),
    client: (bad) => makeKernelTable([makeKernelRoute({ clients: { ip: [bad], ip6: [] } })]),
    allow: (bad) => makeKernelTable([makeKernelRoute({ lists: [{ allow: { ip: [], ip6: [bad] }, block: null }] })]),
    block: (bad) =>
      makeKernelTable([
        makeKernelRoute({ lists: [{ allow: null, block: { ip: [`10.0.0.1${bad || ';'}`], ip6: [] } }] }),
      ]),
    transport: (bad) => makeKernelTable([makeKernelRoute({ transports: [bad as 'tcp'] })]),
    balancing: (bad) => makeKernelTable([makeKernelRoute({ balancing: bad as 'ip-hash' })]),
  };
  for (const [place, make] of Object.entries(strings)) {
    for (const bad of hostile) {
      let error: unknown = null;
      try {
        makeTable(make(bad));
      } catch (caught) {
        error = caught;
      }
      expect([place, bad, error instanceof NftValidationError]).toEqual([place, bad, true]);
    }
  }
});

tap.test('any text is refused, or is one of letters, digits and a few signs that mean nothing', () => {
  fc.assert(
    fc.property(fc.oneof(anyText(), fc.string()), (label) => {
      try {
        makeTable(makeKernelTable([makeKernelRoute({ label, logPrefix: label })]));
      } catch (error) {
        expect(error instanceof NftValidationError).toBeTrue();
        return;
      }
      expect(/^[\w .:/@+-]+$/.test(label)).toBeTrue();
    }),
    { seed: 375, numRuns: numRuns(500) },
  );
});

tap.test('numbers out of their bounds are refused', () => {
  const bad: Partial<IKernelRoute>[] = [
    { number: 0 },
    { number: 70_000 },
    { ports: [] },
    { ports: [{ from: 0, to: 3 }] },
    { ports: [{ from: 5, to: 3 }] },
    { maxConnections: 1.5 },
    { maxRateBytes: 0 },
    { trafficPriority: 11 },
    { targets: [] },
    { targets: [{ address: '192.0.2.1', port: 0, weight: 1 }] },
    { targets: [{ address: '192.0.2.1', port: { offset: -80 }, weight: 1 }] },
    { targets: [{ address: null, port: 'preserve', weight: 1 }] },
    { targets: [{ address: 'fe80::1%eth0', port: 80, weight: 1 }] },
  ];
  for (const parts of bad) expect(() => modelOf(parts)).toThrow();
});

export default tap.start();
