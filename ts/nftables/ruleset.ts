// From routes to the model of one table. Pure: the same routes give the same rules.
//
// A connection meets our rules once, at its first packet: a guard finds its route, refuses it or marks it; the NAT chain
// sends what is marked to a target. All later packets find their route by the mark of their connection alone.

import { checkTable } from './check-rule.js';
import { type IKernelRoute, type IKernelTable, markOf } from './kernel-route.js';
import { ct, giveBack, goto, type IRule, jump, masked, match, meta, payload, vmap } from './nft-json.js';
import { flowChain, natChain } from './ruleset-forward.js';
import { clientsChain, guardChain, guardHook } from './ruleset-guard.js';
import { type IDictionary, type IHook, type ITableModel, ModelParts } from './ruleset-model.js';

/** @throws NftValidationError if any value may not stand in a rule */
export function makeTable(table: IKernelTable): ITableModel {
  checkTable(table);
  const parts = new ModelParts();
  parts.chains.set('owner', [{ comment: table.owner, expr: [giveBack] }]);
  const clients = clientsChain(table, parts);
  const guards = new Map(table.routes.map((route) => [route, guardChain(route, table, clients, parts)]));
  const dictionaries = new Map<string, IDictionary>([
    ['nat', verdicts(table, (route) => goto(natChain(route, parts)))],
    ['flows', verdicts(table, (route) => jump(flowChain(route, parts)))],
    ['masquerade', marks(table, (route) => !route.preserveSourceIP && !route.randomPorts)],
    ['masquerade_random', marks(table, (route) => !route.preserveSourceIP && route.randomPorts)],
  ]);
  const hooks = new Map<string, IHook>([
    ['guard_in', guardHook('prerouting', table, guards)],
    ['guard_local', guardHook('output', table, guards)],
    ['nat_in', { type: 'nat', hook: 'prerouting', prio: -100, rules: natRules }],
    ['nat_local', { type: 'nat', hook: 'output', prio: -100, rules: natRules }],
    ['flow_out', { type: 'filter', hook: 'postrouting', prio: -10, rules: flowRules }],
    ['flow_in', { type: 'filter', hook: 'input', prio: -10, rules: flowInRules }],
    ['source', { type: 'nat', hook: 'postrouting', prio: 100, rules: sourceRules(table) }],
  ]);
  const { counters, sets, chains } = parts;
  return { name: table.name, counters, sets, chains, hooks, dictionaries };
}

/** An entry a route: its mark leads to a chain of its own. */
function verdicts(table: IKernelTable, verdictOf: (route: IKernelRoute) => unknown): IDictionary {
  return {
    body: { type: 'mark', map: 'verdict' },
    elements: new Map(
      table.routes.map((route) => {
        const mark = markOf(table, route.number);
        return [mark, [mark, verdictOf(route)]] as const;
      }),
    ),
  };
}

const marks = (table: IKernelTable, isIn: (route: IKernelRoute) => boolean): IDictionary => ({
  body: { type: 'mark' },
  elements: new Map(
    table.routes.filter(isIn).map(({ number }) => {
      const mark = markOf(table, number);
      return [mark, mark] as const;
    }),
  ),
});

const natRules: readonly IRule[] = [{ expr: [vmap(ct('mark'), '@nat')] }];

/** Each packet is counted where it leaves this machine or arrives at it; what goes through `lo` does both. */
const flowRules: readonly IRule[] = [{ expr: [vmap(ct('mark'), '@flows')] }];
const flowInRules: readonly IRule[] = [{ expr: [match(meta('iifname'), 'lo', '!='), vmap(ct('mark'), '@flows')] }];

function sourceRules({ markPrefix }: IKernelTable): readonly IRule[] {
  const leaving = match(meta('oifname'), 'lo', '!=');
  return [
    {
      comment: 'no answer finds its way to a loopback address',
      expr: [
        leaving,
        match(masked(ct('mark'), 0xffff0000), markPrefix * 65_536),
        match(payload('ip', 'saddr'), { prefix: { addr: '127.0.0.0', len: 8 } }),
        { masquerade: null },
      ],
    },
    { expr: [leaving, match(ct('mark'), '@masquerade'), { masquerade: null }] },
    { expr: [leaving, match(ct('mark'), '@masquerade_random'), { masquerade: { flags: ['fully-random'] } }] },
  ];
}
