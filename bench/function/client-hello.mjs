// Decoding a ClientHello, whole, as Node's own TLS client sends it.

import { Duplex } from 'node:stream';
import { connect } from 'node:tls';
import { decodeClientHello } from '../../dist_ts/codec/client-hello.js';

/** The first bytes of Node's TLS client for a name. They are written while `connect` runs. */
function makeHello(servername) {
  const written = [];
  const wire = new Duplex({
    read() {},
    write(chunk, _encoding, done) {
      written.push(chunk);
      done();
    },
  });
  connect({ socket: wire, servername, ALPNProtocols: ['h2', 'http/1.1'] }).destroy();
  return Buffer.concat(written);
}

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
