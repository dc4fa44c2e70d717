// What conntrack prints becomes flows, however much it is.

import { readFlows } from '../../ts/nftables/conntrack.js';
import { expect, tap } from '../helpers/tapbundle.js';

const tcp = (id: number, state = 'ESTABLISHED') =>
  `tcp      6 431999 ${state} src=198.51.100.7 dst=203.0.113.1 sport=5000 dport=80 packets=3 bytes=300 ` +
  `src=192.0.2.1 dst=10.0.0.1 sport=9000 dport=5001 packets=2 bytes=200 [ASSURED] mark=305397761 use=1 id=${id}`;

tap.test('a line is a flow with both directions, bytes where the kernel counts them', async () => {
  const udp =
    'udp      17 28 src=2001:db8::7 dst=2001:db8::1 sport=5000 dport=53 [UNREPLIED] ' +
    'src=2001:db8::9 dst=2001:db8::1 sport=9053 dport=5000 mark=7 use=2 id=9';
  expect(
    await readFlows(`${tcp(1)}\n${udp}\nconntrack v1.4.7 (conntrack-tools): 2 flow entries have been shown.\n`),
  ).toEqual([
    {
      id: '1',
      transport: 'tcp',
      mark: 305397761,
      original: {
        source: '198.51.100.7',
        destination: '203.0.113.1',
        sourcePort: 5000,
        destinationPort: 80,
        bytes: 300,
      },
      reply: { source: '192.0.2.1', destination: '10.0.0.1', sourcePort: 9000, destinationPort: 5001, bytes: 200 },
      isOpen: true,
    },
    {
      id: '9',
      transport: 'udp',
      mark: 7,
      original: {
        source: '2001:db8::7',
        destination: '2001:db8::1',
        sourcePort: 5000,
        destinationPort: 53,
        bytes: null,
      },
      reply: {
        source: '2001:db8::9',
        destination: '2001:db8::1',
        sourcePort: 9053,
        destinationPort: 5000,
        bytes: null,
      },
      isOpen: true,
    },
  ]);
});

tap.test('a connection that both sides have closed is over', async () => {
  const states = ['ESTABLISHED', 'FIN_WAIT', 'CLOSE_WAIT', 'TIME_WAIT', 'CLOSE', 'LAST_ACK', 'SYN_SENT'];
  const flows = await readFlows(states.map((state, id) => tcp(id, state)).join('\n'));
  expect(flows.map(({ isOpen }) => isOpen)).toEqual([true, true, true, false, false, false, false]);
});

tap.test('lines of other things, and halves of lines, are none', async () => {
  const half = tcp(1).slice(0, 100);
  expect(await readFlows(['', 'icmp     1 29 src=192.0.2.1 id=3', 'tcp', half, 'unknown  2 598'].join('\n'))).toEqual(
    [],
  );
});

tap.test('a long list leaves the process its turns', async () => {
  let turns = 0;
  const count = () => {
    turns++;
    next = setImmediate(count);
  };
  let next = setImmediate(count);
  const flows = await readFlows(Array.from({ length: 5000 }, (_, id) => tcp(id)).join('\n'));
  clearImmediate(next);
  expect(flows).toHaveLength(5000);
  expect(turns).toBeGreaterThan(5);
});

export default tap.start();
