// The request by which a browser asks, before it makes another, whether it may.

import { fieldValue, type TFields } from './http-message.js';

/**
 * Whether a request only asks for permission (Fetch standard, CORS-preflight request). It carries no credentials; where a route
 * has CORS the proxy answers it, and it never comes to a target.
 */
export const isPreflight = (method: string, fields: TFields): boolean =>
  method === 'OPTIONS' &&
  fieldValue(fields, 'origin') !== null &&
  fieldValue(fields, 'access-control-request-method') !== null;
