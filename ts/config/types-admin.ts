// What users write about the admin interface.

/** The admin interface: a page, an API, and metrics for Prometheus, by HTTP. */
export interface IAdminOptions {
  /** An address of this machine, or `localhost`. Without `token` one of loopback. Default `127.0.0.1`. */
  host?: string | undefined;
  /** Default 9 190; 0 takes a free one, which `proxy.adminPort` tells. */
  port?: number | undefined;
  /**
   * What whoever asks must show, as `Authorization: Bearer ...`: 16 to 512 characters of a token (RFC 6750 §2.1). Default
   * none: every program and every user of this machine may do everything.
   */
  token?: string | undefined;
  /** Names by which it may be asked for, besides addresses and `localhost`. Others are refused: a page may have made them ours. */
  hosts?: readonly string[] | undefined;
}
