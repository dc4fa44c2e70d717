// The contract of a store. It stands with the configuration, since a program may give a store of its own.

export type {
  ICertificateMeta,
  ICertLock,
  ICertStore,
  IListedCertificate,
  IStoredCertificate,
  IStoredRenewalWindow,
} from '../../config/types.js';
