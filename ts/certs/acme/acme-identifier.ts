// What a certificate is asked for (RFC 8555 §9.7.7, RFC 8738).

export interface IAcmeIdentifier {
  readonly type: 'dns' | 'ip';
  /** A host name, which may begin with `*.`, or an address in its normal form (RFC 5952). */
  readonly value: string;
}
