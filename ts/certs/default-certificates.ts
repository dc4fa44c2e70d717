// The pair that comes with the package, for demonstrations and tests.

import { AsyncFileSystem } from '../base/fs-utils.js';
import * as plugins from '../plugins.js';

/** The placeholder certificate and its key, in PEM. */
export interface IDefaultCertificates {
  readonly cert: string;
  readonly key: string;
}

/**
 * Reads the placeholder pair of `assets/certs/`. Its key is published, so it protects nothing: each call says so, to
 * `warn` or as a warning of the process. The proxy never serves it by itself.
 * @throws ProxyError FILE_FAILED if the package was installed without it
 */
export async function loadDefaultCertificatesAsync(
  warn: (message: string) => void = warnProcess,
): Promise<IDefaultCertificates> {
  warn('the placeholder certificate is in use: its key is published, so it protects nothing');
  const read = (name: string) =>
    AsyncFileSystem.readFile(plugins.url.fileURLToPath(new URL(`../../assets/certs/${name}`, import.meta.url)));
  const [cert, key] = await Promise.all([read('cert.pem'), read('key.pem')]);
  return { cert, key };
}

const warnProcess = (message: string): void =>
  plugins.process.emitWarning(message, { code: 'SMARTPROXY_PLACEHOLDER_CERTIFICATE' });
