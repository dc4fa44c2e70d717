// Keys, requests and certificates that cost nothing: they are text.

import type { ICertificateFacts } from '../../ts/certs/manager/certificate-facts.js';
import type { ICertificateTools } from '../../ts/certs/manager/manager-ports.js';

/** @param key another one's: does not fit */
export const fakeFacts = (cert: string, key: string): ICertificateFacts => {
  const { names, serial, notBefore, notAfter, key: own } = JSON.parse(cert) as ICertificateFacts & { key: string };
  return { names, serial, notBefore, notAfter, keyFits: own === key, renewalId: `id.${serial}` };
};

let keys = 0;

export const fakeTools: ICertificateTools = {
  makeKey: async () => `key ${++keys}`,
  makeCsr: async (names, key) => Buffer.from(JSON.stringify({ names, key })),
  makeAccountKey: async () => `account key ${++keys}`,
  facts: fakeFacts,
  signers: () => [],
};

/** What such an authority signs, for putting into a store. */
export const fakeCertificate = (facts: Omit<ICertificateFacts, 'keyFits' | 'renewalId'> & { readonly key: string }) =>
  JSON.stringify(facts);
