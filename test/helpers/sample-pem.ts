// Texts that look like PEM, for tests that judge configurations and load nothing.

export const samplePem = {
  cert: '-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----\n',
  key: '-----BEGIN PRIVATE KEY-----\nMII=\n-----END PRIVATE KEY-----\n',
} as const;

/** Another one. */
export const otherPem = {
  cert: '-----BEGIN CERTIFICATE-----\nMIJ=\n-----END CERTIFICATE-----\n',
  key: samplePem.key,
} as const;
