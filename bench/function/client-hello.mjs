// Decoding a ClientHello, whole, as Node's own TLS client sends it.

import { decodeClientHello } from '../../dist_ts/codec/client-hello.js';
import { makeHello } from '../lib/hello.mjs';

export async function makeCase() {
  const hellos = Array.from({ length: 100 }, (_, n) => makeHello(`site-${n}.bench.test`));
  if (decodeClientHello(hellos[7]).value.serverName !== 'site-7.bench.test') throw new Error('the name was not found');
  return {
    perCall: hellos.length,
    tasks: {
      smartproxy: () => {
        for (const hello of hellos) decodeClientHello(hello);
      },
    },
  };
}
