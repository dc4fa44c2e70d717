// The rows whose work `profile.mjs` can put on a single proxy.

import { http1Rows } from './http1.mjs';
import { http1Bodies } from './http1-bodies.mjs';
import { http1Uploads } from './http1-upload.mjs';
import { http2Rows } from './http2.mjs';
import { httpsHandshake } from './https-handshake.mjs';
import { tcpRr } from './tcp-rr.mjs';
import { websocket } from './websocket.mjs';

export const profiled = [...http1Rows, ...http1Bodies, ...http1Uploads, ...http2Rows, httpsHandshake, websocket, tcpRr];
