import { canMean, readingsOf } from '../../ts/attack/readings.js';
import { expect, tap } from '../helpers/tapbundle.js';

tap.test('what some server reads as a path can mean it', () => {
  const spellings = [
    ...['/admin/x', '/%61dmin/x', '//admin/x', '/./admin/x', '/y/../admin/x', '/y/%2e%2e/admin/x', '/y/..%2fadmin/x'],
    ...[
      '/admin%2Fx',
      '/admin%5cx',
      '/admin\\x',
      '/admin;a=b/x',
      '/;/admin/x',
      '/y/..;/admin/x',
      '/admin/x%00.css',
      '/../admin/x',
    ],
    ...[
      '/%2561dmin/x',
      '/y/%252e%252e/admin/x',
      '/y/%c0%ae%c0%ae/admin/x',
      '/%c1%a1dmin/x',
      '/admin/x%20',
      '/admin./x',
    ],
    ...['/admin/x%3fy', '/admin%3by/x'],
    ...['/admin/x?y', '/admin/x#y', '/y%2f..%2fadmin/x', '/admin//x', '/y/..%5cadmin/x'],
  ];
  expect(spellings.filter((spelling) => !canMean(spelling, '/admin/x'))).toEqual([]);
});

tap.test('what nobody reads as a path cannot', () => {
  const others = ['/', '/admin', '/admin/xy', '/Admin/x', '/y?/admin/x', '/admin/x/../y'];
  expect(others.filter((other) => canMean(other, '/admin/x'))).toEqual([]);
  expect([...readingsOf('/a/b')]).toEqual(['/a/b']);
});

export default tap.start();
