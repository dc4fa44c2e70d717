import fc from 'fast-check';
import { findRepeatedName, jsonFailure } from '../../ts/cli/json-text.js';
import { expect, numRuns, tap } from '../helpers/tapbundle.js';

const failureOf = (text: string, secondOpinion: number | null = null) => {
  try {
    JSON.parse(text);
  } catch (error) {
    return jsonFailure(error, text, () => secondOpinion);
  }
  throw new Error(`${text} is JSON`);
};

tap.test('a failure has the position that the engine tells', async () => {
  expect(failureOf('{"a" 1}').offset).toEqual(5);
  expect(failureOf('{"a":"x\ny"}').offset).toEqual(7);
});

tap.test('where the engine shows an excerpt instead, the message comes without it', async () => {
  const { got, offset } = failureOf('{"password":"secret" "x"}'.replace(' "x"', ',"a": }'), 25);
  expect(got).toMatch(/^Unexpected token/);
  expect(got.includes('secret')).toBeFalse();
  expect(offset).toEqual(25);
});

tap.test('a comma after the last entry is found, but none inside a text', async () => {
  expect(failureOf('["a,]",1,\n]').offset).toEqual(8);
});

tap.test('a name that stands twice in one object is found at its second place', async () => {
  expect(findRepeatedName('{"a":1,"b":{"a":1},"a":2}')).toEqual(19);
  expect(findRepeatedName('[{"a":1},{"a":[{"b":1,"\\u0062":2}]}]')).toEqual(22);
});

tap.test('the same name in different objects and the same text as a value are no repetition', async () => {
  expect(findRepeatedName('{"a":{"a":"a"},"b":["a","a",{"a":1}]}')).toBeNull();
  expect(findRepeatedName('{"a":"{\\"a\\":1, \\"a\\":","b":"}"}')).toBeNull();
});

tap.test('what JSON.stringify writes repeats no name', async () => {
  const property = fc.property(fc.json(), (text) => findRepeatedName(text) === null);
  fc.assert(property, { seed: 7, numRuns: numRuns(500) });
});

export default tap.start();
