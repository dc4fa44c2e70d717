// The schema of the admin interface, and what its options must be together.

import { foldAddress } from '../codec/address.js';
import { normaliseHost } from '../codec/host.js';
import * as plugins from '../plugins.js';
import { adminDefaults } from './defaults.js';
import { gotText, type IPathFault } from './faults.js';
import { checked, list, option, strict, whole } from './schema-base.js';
import type { ISmartProxyOptions } from './types.js';
import type { TUsable } from './usable.js';

const { zod } = plugins;

const wantHost = "an IP address of this machine or 'localhost'";
const wantToken = 'a token of 16 to 512 letters, digits and -._~+/, perhaps with = at its end';
const wantName = 'a host name';

export const adminSchema = strict('admin', {
  host: option(
    checked(zod.string({ error: wantHost }), (text) =>
      text === 'localhost' || foldAddress(text) !== '' ? null : wantHost,
    ),
    'Where it listens; without a token on loopback alone.',
    adminDefaults.host,
  ),
  port: option(whole(0, 65_535, 'a port'), 'Its port; 0: a free one.', adminDefaults.port),
  token: option(
    zod.string({ error: wantToken }).regex(/^(?=.{16,512}$)[\w.~+/-]+=*$/),
    'Shown by whoever asks, as Authorization: Bearer.',
  ),
  hosts: option(
    list(
      checked(zod.string({ error: wantName }), (text) => (normaliseHost(text) === null ? wantName : null)),
      'host names',
    ),
    'Names by which it may be asked for, besides addresses and localhost.',
    adminDefaults.hosts,
  ),
});

/** Who can reach it can do everything: without a token that must not be the network. */
export function checkAdmin(options: ISmartProxyOptions, usable: TUsable): readonly IPathFault[] {
  const admin = usable('admin') ? options.admin : undefined;
  if (admin === undefined || admin.token !== undefined) return [];
  const { host = adminDefaults.host } = admin;
  if (isLoopback(host)) return [];
  const want = `a token, as ${gotText(host)} is not only for this machine; or the host 127.0.0.1`;
  return [{ path: ['admin', 'token'], want, got: 'nothing' }];
}

function isLoopback(host: string): boolean {
  const address = foldAddress(host);
  return host === 'localhost' || address === '::1' || /^127\.\d+\.\d+\.\d+$/.test(address);
}
