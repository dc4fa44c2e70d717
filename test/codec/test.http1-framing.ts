import { connectionOption, judgeCoding, readConnection, readUpgrade } from '../../ts/codec/http1-framing.js';
import { expect, tap } from '../helpers/tapbundle.js';

const { close, keepAlive, upgrade, malformed } = connectionOption;

tap.test('Connection is a list of tokens in any case (RFC 9110 §7.6.1)', async () => {
  const rows: readonly (readonly [string | null, number])[] = [
    [null, 0],
    ['', 0],
    [' , ,', 0],
    ['close', close],
    ['CLOSE', close],
    ['keep-alive', keepAlive],
    ['Keep-Alive', keepAlive],
    ['KEEP-ALIVE', keepAlive],
    ['Upgrade', upgrade],
    ['X-Foo', 0],
    ['closed', 0],
    ['keep-alive, Upgrade', keepAlive | upgrade],
    ['a,\tclose ,,b', close],
    ['close keep-alive', malformed],
    ['close;q=1', malformed],
    ['close, "x"', close | malformed],
    ['\xa0close', malformed],
  ];
  for (const [value, options] of rows) expect([value, readConnection(value)]).toEqual([value, options]);
});

tap.test('Upgrade names protocols, with versions or without (RFC 9110 §7.8)', async () => {
  const rows: readonly (readonly [string, string | null])[] = [
    ['websocket', 'websocket'],
    ['WebSocket/13', 'websocket/13'],
    ['a, b', ''],
    ['a,b/1', ''],
    ['', null],
    ['a,', null],
    ['a b', null],
    ['a/', null],
    ['/1', null],
    ['a/1/2', null],
    ['"a"', null],
  ];
  for (const [value, protocol] of rows) expect([value, readUpgrade(value)]).toEqual([value, protocol]);
});

tap.test('only chunked alone is a coding that we undo (RFC 9112 §6.1, §6.3)', async () => {
  const rows: readonly (readonly [string, number])[] = [
    ['chunked', 200],
    ['Chunked', 200],
    ['gzip, chunked', 501],
    ['a;b=c;d="e, f", chunked', 400],
    ['a;b=c;d="e", Chunked', 501],
    ['gzip', 400],
    ['', 400],
    ['chunked, chunked', 400],
    ['chunked, gzip', 400],
    ['chunked;a=b', 400],
    [', chunked', 400],
    ['a b, chunked', 400],
  ];
  for (const [value, status] of rows) expect([value, judgeCoding(value)]).toEqual([value, status]);
});

export default tap.start();
