// ClientHellos as Node's own TLS client sends them.

import { Duplex } from 'node:stream';
import { connect } from 'node:tls';

/** The first bytes of a TLS client for a name. They are written while `connect` runs. */
export function makeHello(servername) {
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
