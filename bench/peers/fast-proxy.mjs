// fast-proxy with its own agent, which keeps connections. It has no forwarded headers but the host and no WebSocket.

import fastProxy from 'fast-proxy';
import { addForwarded, answerField, requestField, serve, targetUrl } from './serve-http.mjs';

const { proxy } = fastProxy({ base: targetUrl });
const options = {
  rewriteRequestHeaders(request, headers) {
    headers[requestField.name] = requestField.value;
    return addForwarded(headers, request);
  },
  rewriteHeaders(headers) {
    headers[answerField.name] = answerField.value;
    return headers;
  },
};

serve((request, response) => proxy(request, response, request.url, options));
