// Certificates for tests, all in one place: made ones, stored ones, and the placeholder pair of the package.

import { type IDefaultCertificates, loadDefaultCertificatesAsync } from '../../ts/certs/default-certificates.js';

export { type ICertificate, type ICertificateWish, makeCertificate } from './certificates.js';
export { makeStored } from './make-stored.js';

/** The placeholder pair, without its warning. */
export const loadTestCertificates = (): Promise<IDefaultCertificates> => loadDefaultCertificatesAsync(() => {});
