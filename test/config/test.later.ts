import { laterOptions, laterValues } from '../../ts/config/later.js';
import '../../ts/config/schema.js';
import { knownOptions } from '../../ts/config/schema-base.js';
import { faultsOf } from '../helpers/config-faults.js';
import { expect, tap } from '../helpers/tapbundle.js';

const target = { host: 'a.test', port: 80 };
const forward = (part: object) => ({ match: { ports: 443 }, action: { type: 'forward', target, ...part } });

const withTarget = (part: object) => ({ routes: [forward({ target: { ...target, ...part } })] });

/** A configuration with these options at each place that has options of later versions. */
const at: Record<string, (part: object) => object> = {
  options: (part) => ({ routes: [], ...part }),
};

tap.test('an option of a later version is refused by what it is for', () => {
  expect(Object.keys(laterOptions).sort()).toEqual(Object.keys(at).sort());
  for (const [place, options] of Object.entries(laterOptions)) {
    for (const [option, what] of Object.entries(options)) {
      expect(knownOptions.get(place)).not.toContain(option);
      const faults = faultsOf(at[place]?.({ [option]: 'secret' }));
      expect(faults).toHaveLength(1);
      expect(faults[0]?.path.endsWith(option)).toBeTrue();
      expect(faults[0]?.want).toEqual(`nothing: not available in this version (${what})`);
      expect(faults[0]?.got).toEqual('a string');
    }
  }
});

tap.test('a value of a later version is refused by what it is for', () => {
  const configs: Record<string, { config: (value: string) => object; path: string }> = {
    'match.transport': {
      config: (transport) => ({ routes: [{ ...forward({}), match: { ports: 443, transport } }] }),
      path: 'routes[0].match.transport',
    },
  };
  expect(Object.keys(laterValues).sort()).toEqual(Object.keys(configs).sort());
  for (const [option, values] of Object.entries(laterValues)) {
    for (const [value, what] of Object.entries(values)) {
      const faults = faultsOf(configs[option]?.config(value));
      expect(faults).toHaveLength(1);
      expect(faults[0]).toEqual({
        path: configs[option]?.path,
        want: `nothing: not available in this version (${what})`,
        got: `"${value}"`,
      });
    }
  }
});

tap.test('a name of a later version is known only where it belongs', () => {
  expect(faultsOf({ routes: [], nftables: {} })[0]?.want).not.toContain('not available');
  expect(faultsOf(withTarget({ constructor: 1 })).map(({ path }) => path)).toEqual([
    'routes[0].action.target.constructor',
  ]);
  expect(faultsOf(withTarget({ toString: 1 }))[0]?.want).toContain('a known option');
});

export default tap.start();
