// The certificate that answers TLS-ALPN-01 (RFC 8737 §3).

export interface IChallengeCertificate {
  readonly cert: string;
  readonly key: string;
}
export declare function makeChallengeCertificate(
  name: string,
  keyAuthorization: string,
): Promise<IChallengeCertificate>;
