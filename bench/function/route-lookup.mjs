// Finding the route of a connection among 10 000 exact hosts, beside the same among 10. One name in ten has no route.

import { resolveConfig } from '../../dist_ts/config/resolve.js';
import { compileRouteTable } from '../../dist_ts/flow/match/route-table.js';

const port = 443;
const lookups = 1_000;

function makeTable(count) {
  const routes = Array.from({ length: count }, (_, n) => ({
    name: `route-${n}`,
    match: { ports: port, domains: `site-${n}.bench.test` },
    action: { type: 'forward', target: { host: '127.0.0.1', port: 9 }, tls: { mode: 'passthrough' } },
  }));
  return compileRouteTable(resolveConfig({ routes }).routes).portTable(null, port);
}

/** Names in an order that no cache likes; built anew, so that no string is the one that the table holds. */
function makeFacts(count) {
  return Array.from({ length: lookups }, (_, n) => {
    const site = (n * 7_919) % count;
    const domain = Buffer.from(n % 10 === 9 ? `none-${site}.bench.test` : `site-${site}.bench.test`).toString('latin1');
    return { port, clientIp: '192.0.2.1', protocol: 'tls', domain, tlsVersion: 'TLSv1.3', alpn: ['h2'], hello: null };
  });
}

function makeTask(count) {
  const [table, facts] = [makeTable(count), makeFacts(count)];
  const found = facts.filter((each) => table.match(each)?.name === `route-${each.domain.match(/^site-(\d+)/)?.[1]}`);
  if (found.length !== lookups * 0.9) throw new Error(`${found.length} of ${lookups} names were found`);
  return () => {
    for (const each of facts) table.match(each);
  };
}

export async function makeCase() {
  return { perCall: lookups, tasks: { smartproxy: makeTask(10_000), 'among 10': makeTask(10) } };
}
