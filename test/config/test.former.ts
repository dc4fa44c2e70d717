import { validateRoutes } from '../../ts/config/route-tools.js';
import { ConfigError, SmartProxy } from '../../ts/index.js';
import { expect, tap } from '../helpers/tapbundle.js';

tap.test('whoever gives a proxy options of the time before routes hears what makes routes of them', () => {
  const legacy = { fromPort: 443, toPort: 8443, domainConfigs: [], routes: [] };
  try {
    new SmartProxy(legacy as never);
    throw new Error('these options were taken');
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    expect(error.faults.map(({ path, want }) => [path, want.includes('convertLegacyOptions')])).toEqual([
      ['fromPort', true],
      ['toPort', true],
      ['domainConfigs', true],
    ]);
  }
  const [fault] = validateRoutes([{ match: { ports: 1 }, action: { type: 'block' }, fromPort: 1 }]);
  expect([fault?.path, fault?.want.includes('convertLegacyOptions')]).toEqual(['routes[0].fromPort', false]);
});

export default tap.start();
