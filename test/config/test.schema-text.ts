import {
  fieldNameFault,
  fieldValueFault,
  isToken,
  normaliseOrigin,
  templateFault,
  textOfPem,
} from '../../ts/config/schema-text.js';
import { expect, tap } from '../helpers/tapbundle.js';

tap.test('tokens are those of RFC 9110', () => {
  for (const text of ['GET', 'X-A', "!#$%&'*+-.^_`|~09az"]) expect(isToken(text)).toBeTrue();
  for (const text of ['', 'a b', 'a:', '"a"', 'é', 'a/b', 'a\n', 'a'.repeat(257)]) expect(isToken(text)).toBeFalse();
});

tap.test('a value of a field cannot end its line, nor lose its ends', () => {
  for (const text of ['', 'a', 'a\tb', 'a  b', '\x80\xff']) expect(fieldValueFault(text)).toBeNull();
  for (const text of ['a\r', '\n', 'a\0b', '\x7f', ' a', 'a\t', '\u0100']) {
    expect(typeof fieldValueFault(text)).toEqual('string');
  }
  expect(fieldValueFault('a'.repeat(8192))).toBeNull();
  expect(fieldValueFault('a'.repeat(8193))).toContain('8192');
});

tap.test('a long odd value is judged at once', () => {
  // Linear: what grows with the square would take minutes.
  expect(typeof fieldValueFault(`${' '.repeat(8000)}\n`)).toEqual('string');
});

tap.test('fields that the proxy writes itself have no rules, in any case of their letters', () => {
  for (const name of ['Content-Length', 'TRANSFER-ENCODING', 'te', 'Proxy-Connection']) {
    expect(fieldNameFault(name, true)).toContain('the proxy writes this one itself');
  }
  expect(fieldNameFault('HOST', true)).toBeNull();
  expect(fieldNameFault('HOST', false)).toContain('requests');
  expect(fieldNameFault('Authorization', false)).toBeNull();
});

tap.test('an unknown placeholder is answered by the known ones', () => {
  expect(templateFault('{clientIP}')).toContain('{clientIp}');
  expect(templateFault('{clientIp}')).toBeNull();
});

tap.test('an origin is a scheme and a host, and perhaps a port', () => {
  expect(normaliseOrigin('HTTPS://A.Test:443')).toEqual('https://a.test');
  expect(normaliseOrigin('http://a.test:8080')).toEqual('http://a.test:8080');
  expect(normaliseOrigin('http://[::1]:80')).toEqual('http://[::1]');
  expect(normaliseOrigin('null')).toEqual('null');
  for (const text of [
    '',
    'a.test',
    'https://',
    'https://a/',
    'https://a?b',
    'https://u@a',
    'https://a b',
    '*',
    'x:y',
  ]) {
    expect([text, normaliseOrigin(text)]).toEqual([text, null]);
  }
});

tap.test('PEM is text, however it was given', () => {
  expect(textOfPem('a')).toEqual('a');
  expect(textOfPem(Buffer.from('a'))).toEqual('a');
  expect(textOfPem(Uint8Array.of(97))).toEqual('a');
});

export default tap.start();
