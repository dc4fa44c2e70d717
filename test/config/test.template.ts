import fc from 'fast-check';
import { parseTemplate, templateNames, unknownPlaceholder } from '../../ts/config/template.js';
import { expect, numRuns, tap } from '../helpers/tapbundle.js';

tap.test('a template is literal text and names by turns', () => {
  expect(parseTemplate('')).toEqual(['']);
  expect(parseTemplate('plain')).toEqual(['plain']);
  expect(parseTemplate('{path}')).toEqual(['', 'path', '']);
  expect(parseTemplate('https://{domain}{path}#x')).toEqual(['https://', 'domain', '', 'path', '#x']);
});

tap.test('a brace that opens no name is itself', () => {
  for (const text of ['{', '}', '{}', '{ path }', '{"a":1}', '{1}']) expect(parseTemplate(text)).toEqual([text]);
  expect(parseTemplate('{{path}}')).toEqual(['{', 'path', '}']);
});

tap.test('names of which nothing is known are told', () => {
  expect(unknownPlaceholder('{path}{nobody}{nothing}')).toEqual('nobody');
  expect(unknownPlaceholder('{Path}')).toEqual('Path');
  for (const name of templateNames) expect(unknownPlaceholder(`a{${name}}b`)).toBeNull();
});

tap.test('the pieces put together are the text again', () => {
  const piece = fc.oneof(fc.constantFrom('{path}', '{domain}', '{', '}'), fc.string({ maxLength: 4 }));
  fc.assert(
    fc.property(fc.array(piece), (parts) => {
      const text = parts.join('');
      const pieces = parseTemplate(text);
      expect(pieces.length % 2).toEqual(1);
      expect(pieces.map((each, index) => (index % 2 === 1 ? `{${each}}` : each)).join('')).toEqual(text);
    }),
    { seed: 891, numRuns: numRuns(500) },
  );
});

export default tap.start();
