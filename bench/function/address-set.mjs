// Looking an address up in a list of 1 000 networks, beside Node's own BlockList with the same list.

import { BlockList } from 'node:net';
import { AddressSet } from '../../dist_ts/codec/address.js';

const networks = Array.from({ length: 1_000 }, (_, n) => `10.${n >> 2}.${(n & 3) * 64}.0/19`);
/** Half of them are in the list. */
const addresses = Array.from({ length: 100 }, (_, n) => `${n % 2 === 0 ? 10 : 11}.${n * 2}.${n}.${n}`);

export async function makeCase() {
  const { set } = AddressSet.compile(networks);
  const blockList = new BlockList();
  for (const network of networks) blockList.addSubnet(network.split('/')[0], 19, 'ipv4');
  for (const address of addresses) {
    if (set.matches(address) !== blockList.check(address)) throw new Error(`two answers for ${address}`);
  }
  return {
    perCall: addresses.length,
    tasks: {
      smartproxy: () => {
        for (const address of addresses) set.matches(address);
      },
      BlockList: () => {
        for (const address of addresses) blockList.check(address);
      },
    },
  };
}
