// The schema of where certificates are kept, and of the function that gives them.

import * as plugins from '../plugins.js';
import { func } from './schema-base.js';
import type { ICertStore, ISmartProxyOptions } from './types.js';

const { zod } = plugins;

const methods = [
  'check',
  'readCertificate',
  'writeCertificate',
  'removeCertificate',
  'listCertificates',
  'readRecord',
  'writeRecord',
  'removeRecord',
  'lock',
] as const satisfies readonly (keyof ICertStore)[];

const wantStore = `a folder, or an object with the methods ${methods.join(', ')}`;

const storeObject = zod
  .custom<ICertStore>(
    (value) =>
      typeof value === 'object' &&
      value !== null &&
      methods.every((name) => typeof (value as Record<string, unknown>)[name] === 'function'),
    { error: wantStore },
  )
  .meta({ fileForm: false });

export const certificateStoreSchema = zod.union([zod.string().min(1), storeObject], { error: wantStore });

export const provisionSchema = func<NonNullable<ISmartProxyOptions['certProvisionFunction']>>();
