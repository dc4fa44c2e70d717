// Certificate signing requests (PKCS #10, RFC 2986).

export declare function makeCsr(names: readonly string[], keyPem: string): Promise<Buffer>;
