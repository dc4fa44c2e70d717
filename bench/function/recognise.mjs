// Telling TLS, HTTP and other protocols apart by their first bytes.

import { recognise } from '../../dist_ts/codec/recognise.js';

const head = 'Host: site.bench.test\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n';
const openings = {
  tls: Buffer.concat([Buffer.from('1603010200010001fc0303', 'hex'), Buffer.alloc(506, 7)]),
  http: Buffer.from(`GET /a/rather/usual/path?with=query HTTP/1.1\r\n${head}`),
  other: Buffer.from('SSH-2.0-OpenSSH_9.2\r\n'),
};

export async function makeCase() {
  for (const [protocol, bytes] of Object.entries(openings)) {
    const { value } = recognise(bytes);
    if (value.protocol !== protocol) throw new Error(`${protocol} was taken for ${value.protocol}`);
  }
  const all = Array.from({ length: 100 }, (_, n) => Object.values(openings)[n % 3]);
  return {
    perCall: all.length,
    tasks: {
      smartproxy: () => {
        for (const bytes of all) recognise(bytes);
      },
    },
  };
}
