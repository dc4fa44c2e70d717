// Pebble's own name server: every name is this machine, unless it is told otherwise.

import { pathOf } from './debian.js';
import { accepts, startProcess } from './rig-process.js';

export interface IAcmeDns extends AsyncDisposable {
  /** `host:port`. */
  readonly address: string;
  /** Where it is told by HTTP. */
  readonly managementPort: number;
  /** Adds a value to those that the name has. */
  addTxt(name: string, value: string): Promise<void>;
  /** Takes all of them away. */
  clearTxt(name: string): Promise<void>;
  /** From now on, what the name's A and AAAA records are; none of a kind: as before. */
  setAddresses(name: string, a: readonly string[], aaaa: readonly string[]): Promise<void>;
  /** From now on, the name's look-ups fail. */
  setServfail(name: string): Promise<void>;
}

/** @param port for names; @param managementPort for what it is told */
export async function startAcmeDns(port: number, managementPort: number): Promise<IAcmeDns> {
  const unused = ['http01', 'https01', 'tlsalpn01'].flatMap((kind) => [`-${kind}`, '']);
  const where = ['-dns01', `127.0.0.1:${port}`, '-management', `127.0.0.1:${managementPort}`];
  const isReady = async () => (await accepts(port)()) && (await accepts(managementPort)());
  const server = await startProcess(
    pathOf('pebble-challtestsrv'),
    [...where, ...unused, '-defaultIPv4', '127.0.0.1', '-defaultIPv6', ''],
    { ready: isReady },
  );
  const tell = async (what: string, body: object) => {
    const answer = await fetch(`http://127.0.0.1:${managementPort}/${what}`, {
      method: 'POST',
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`${what}: ${answer.status} ${await answer.text()}`);
  };
  return {
    address: `127.0.0.1:${port}`,
    managementPort,
    addTxt: (name, value) => tell('set-txt', { host: `${name}.`, value }),
    clearTxt: (name) => tell('clear-txt', { host: `${name}.` }),
    async setAddresses(name, a, aaaa) {
      if (a.length > 0) await tell('add-a', { host: `${name}.`, addresses: a });
      if (aaaa.length > 0) await tell('add-aaaa', { host: `${name}.`, addresses: aaaa });
    },
    setServfail: (name) => tell('set-servfail', { host: `${name}.` }),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
