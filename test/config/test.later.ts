import { laterValues } from '../../ts/config/later.js';
import { faultsOf } from '../helpers/config-faults.js';
import { expect, tap } from '../helpers/tapbundle.js';

const target = { host: 'a.test', port: 80 };
const forward = (part: object) => ({ match: { ports: 443 }, action: { type: 'forward', target, ...part } });

const withTarget = (part: object) => ({ routes: [forward({ target: { ...target, ...part } })] });

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

tap.test('a name that no version knows is an unknown option, whatever it is', () => {
  expect(faultsOf({ routes: [], nftables: {} })[0]?.want).not.toContain('not available');
  expect(faultsOf(withTarget({ constructor: 1 })).map(({ path }) => path)).toEqual([
    'routes[0].action.target.constructor',
  ]);
  expect(faultsOf(withTarget({ toString: 1 }))[0]?.want).toContain('a known option');
});

export default tap.start();
