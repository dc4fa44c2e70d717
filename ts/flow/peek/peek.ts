// peek: reads as much of a connection's beginning as the port's routes need to be told apart, and no more.

import { decodeClientHello, type IClientHello } from '../../codec/client-hello.js';
import type { TDecoded } from '../../codec/decoded.js';
import { ja4Of } from '../../codec/ja4.js';
import { recognise } from '../../codec/recognise.js';
import type { TProtocol } from '../../config/types.js';
import type { Connection, IHelloFacts } from '../connection.js';
import type { TEnd } from '../ends.js';
import type { IConnectionFacts, IPeeked, TPeekNeed } from '../stages.js';
import { collect } from './collect.js';

/** Calls `done` once: with what was found, or with the word to end the connection with. Not if it ends meanwhile. */
export function peek(connection: Connection, need: TPeekNeed, done: (peeked: IPeeked | TEnd) => void): void {
  if (need === 'nothing') return done({ connection, facts: factsOf(connection, null), bytes: null });
  connection.stopPeeking = collect(connection.incoming, noBytes, decoderFor(need), ({ result, bytes, ended }) => {
    connection.stopPeeking = null;
    connection.bytesReceived = bytes.length;
    if (result.kind === 'done') {
      const { protocol, hello } = result.value;
      if (hello !== null) note(connection, hello);
      connection.isTLS = protocol === 'tls';
      return done({ connection, facts: factsOf(connection, protocol), bytes });
    }
    if (result.kind === 'broken') return done('tls_error');
    // The client has said all it will and it is the beginning of something else than TLS: plain bytes.
    if (ended && bytes.length > 0 && recognise(bytes).kind === 'short') {
      return done({ connection, facts: factsOf(connection, 'other'), bytes });
    }
    done('closed_before_data');
  });
}

/** What the decrypted bytes of a connection are, with what was read of them. Else as `peek`. */
export function peekInside(
  connection: Connection,
  done: (protocol: 'http' | 'other' | null, bytes: Buffer | null) => void,
): void {
  let seen = 0;
  const decode = (bytes: Buffer) => {
    const recognised = recognise(bytes, seen);
    seen = bytes.length;
    return recognised;
  };
  connection.stopPeeking = collect(connection.clear, noBytes, decode, ({ result, bytes, ended }) => {
    connection.stopPeeking = null;
    if (result.kind === 'done') return done(result.value.protocol === 'http' ? 'http' : 'other', bytes);
    if (ended && bytes.length > 0) return done('other', bytes);
    done(null, null);
  });
}

interface IFound {
  readonly protocol: TProtocol;
  readonly hello: IClientHello | null;
}

function decoderFor(need: TPeekNeed): (bytes: Buffer) => TDecoded<IFound> {
  // What was looked at once is not looked at again: a request line that dribbles in costs no more than a whole one.
  let seen = 0;
  return (bytes) => {
    const recognised = recognise(bytes, seen);
    seen = bytes.length;
    if (recognised.kind !== 'done') return recognised;
    const { protocol } = recognised.value;
    if (need === 'first-bytes' || protocol !== 'tls') return { ...recognised, value: { protocol, hello: null } };
    const read = decodeClientHello(bytes);
    if (read.kind === 'foreign') return { kind: 'broken', why: 'a TLS record without a ClientHello' };
    return read.kind === 'done' ? { ...read, value: { protocol, hello: read.value } } : read;
  };
}

/** Puts what the ClientHello says on the record. */
function note(connection: Connection, hello: IClientHello): void {
  connection.sni = hello.serverName;
  connection.tlsVersion = hello.tlsVersion;
  connection.alpn = hello.alpn;
  connection.hello = new HelloFacts(hello);
}

class HelloFacts implements IHelloFacts {
  readonly #hello: IClientHello;
  #ja4: string | null = null;

  constructor(hello: IClientHello) {
    this.#hello = hello;
  }

  get ja4(): string {
    this.#ja4 ??= ja4Of(this.#hello);
    return this.#ja4;
  }
}

function factsOf(connection: Connection, protocol: TProtocol | null): IConnectionFacts {
  return {
    port: connection.localPort,
    clientIp: connection.clientIp,
    protocol,
    domain: connection.sni,
    tlsVersion: connection.tlsVersion,
    alpn: connection.alpn,
    hello: connection.hello,
  };
}

const noBytes = Buffer.alloc(0);
