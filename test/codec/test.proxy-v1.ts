import { decodeProxyHeader } from '../../ts/codec/proxy-protocol.js';
import { expect, tap } from '../helpers/tapbundle.js';

const decode = (text: string) => decodeProxyHeader(Buffer.from(text, 'latin1'));

tap.test('lines of the specification are read', async () => {
  const lines = [
    ['PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n', 'tcp4', '192.168.0.1', 56_324, '192.168.0.11', 443],
    [
      'PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n',
      'tcp4',
      '255.255.255.255',
      65_535,
      '255.255.255.255',
      65_535,
    ],
    ['PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n', 'tcp4', '0.0.0.0', 0, '0.0.0.0', 0],
    ['PROXY TCP6 2001:DB8::1 ::1 1 2\r\n', 'tcp6', '2001:db8::1', 1, '::1', 2],
    [
      'PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n',
      'tcp6',
      'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
      65_535,
      'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
      65_535,
    ],
    ['PROXY TCP6 ::ffff:192.0.2.1 ::ffff:c000:202 1 2\r\n', 'tcp6', '192.0.2.1', 1, '192.0.2.2', 2],
  ] as const;
  for (const [line, family, from, fromPort, to, toPort] of lines) {
    expect(decode(`${line}rest`)).toEqual({
      kind: 'done',
      value: {
        version: 1,
        command: 'proxy',
        family,
        source: { address: from, port: fromPort },
        destination: { address: to, port: toPort },
        tlvs: {},
      },
      used: line.length,
    });
  }
});

tap.test('UNKNOWN is read with and without what may follow it, which says nothing', async () => {
  const worst = `PROXY UNKNOWN ${'ffff:'.repeat(7)}ffff ${'ffff:'.repeat(7)}ffff 65535 65535\r\n`;
  expect(worst).toHaveLength(107);
  for (const line of ['PROXY UNKNOWN\r\n', 'PROXY UNKNOWN \r\n', 'PROXY UNKNOWN 1.2.3.4 5.6.7.8 1 2\r\n', worst]) {
    const answer = decode(line);
    expect(answer).toEqual({
      kind: 'done',
      value: { version: 1, command: 'proxy', family: 'unknown', source: null, destination: null, tlvs: {} },
      used: line.length,
    });
  }
});

tap.test('a line may have 107 bytes, not one more', async () => {
  const line = (length: number) => `PROXY UNKNOWN ${'x'.repeat(length - 16)}\r\n`;
  expect(decode(line(107)).kind).toEqual('done');
  expect(decode(line(108)).kind).toEqual('broken');
  expect(decode(line(107).slice(0, -1)).kind).toEqual('short');
  expect(decode(line(108).slice(0, 107)).kind).toEqual('broken');
  expect(decode(`PROXY ${'x'.repeat(100)}`).kind).toEqual('short');
  expect(decode(`PROXY ${'x'.repeat(101)}`).kind).toEqual('broken');
});

tap.test('nothing but CRLF ends a line', async () => {
  for (const ending of ['\n', '\r', '\r\r\n', '\n\r\n', '\r \n', '\0\r\n']) {
    expect([ending, decode(`PROXY TCP4 1.2.3.4 1.2.3.5 1 2${ending}x`).kind]).toEqual([ending, 'broken']);
  }
  expect(decode('PROXY TCP4 1.2.3.4\n 1.2.3.5 1 2\r\n').kind).toEqual('broken');
  expect(decode('PROXY UNKNOWN\n').kind).toEqual('broken');
});

tap.test('every deviation from the grammar is broken', async () => {
  const bodies = [
    '',
    ' ',
    'TCP4',
    'TCP4 ',
    'TCP4 1.2.3.4',
    'TCP4 1.2.3.4 1.2.3.5',
    'TCP4 1.2.3.4 1.2.3.5 1',
    'TCP4 1.2.3.4 1.2.3.5 1 ',
    'TCP4 1.2.3.4 1.2.3.5 1 2 ',
    'TCP4 1.2.3.4 1.2.3.5 1 2 3',
    ' TCP4 1.2.3.4 1.2.3.5 1 2',
    'TCP4  1.2.3.4 1.2.3.5 1 2',
    'TCP4\t1.2.3.4 1.2.3.5 1 2',
    'tcp4 1.2.3.4 1.2.3.5 1 2',
    'TCP 1.2.3.4 1.2.3.5 1 2',
    'TCP5 1.2.3.4 1.2.3.5 1 2',
    'UDP4 1.2.3.4 1.2.3.5 1 2',
    'UNKNOWNX',
    'unknown',
    'TCP4 010.2.3.4 1.2.3.5 1 2',
    'TCP4 1.2.3 1.2.3.5 1 2',
    'TCP4 1.2.3.256 1.2.3.5 1 2',
    'TCP4 ::1 ::1 1 2',
    'TCP4 ::ffff:1.2.3.4 1.2.3.5 1 2',
    'TCP6 1.2.3.4 1.2.3.5 1 2',
    'TCP6 ::1 1.2.3.4 1 2',
    'TCP6 [::1] ::1 1 2',
    'TCP6 fe80::1%eth0 ::1 1 2',
    'TCP6 1::2::3 ::1 1 2',
    'TCP6 : ::1 1 2',
    'TCP4 localhost 1.2.3.5 1 2',
    'TCP4 1.2.3.4 1.2.3.5 01 2',
    'TCP4 1.2.3.4 1.2.3.5 1 00',
    'TCP4 1.2.3.4 1.2.3.5 65536 2',
    'TCP4 1.2.3.4 1.2.3.5 1 99999',
    'TCP4 1.2.3.4 1.2.3.5 1 100000',
    'TCP4 1.2.3.4 1.2.3.5 -1 2',
    'TCP4 1.2.3.4 1.2.3.5 +1 2',
    'TCP4 1.2.3.4 1.2.3.5 0x1 2',
    'TCP4 1.2.3.4 1.2.3.5 1.0 2',
    'TCP4 1.2.3.4 1.2.3.5 \xb2 2',
    'TCP4 1.2.3.4,9.9.9.9 1.2.3.5 1 2',
    'TCP4 1.2.3.4/32 1.2.3.5 1 2',
  ];
  for (const body of bodies) expect([body, decode(`PROXY ${body}\r\n`).kind]).toEqual([body, 'broken']);
});

export default tap.start();
