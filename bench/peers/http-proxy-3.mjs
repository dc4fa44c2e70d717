// http-proxy-3 as its documentation shows it, with connections kept to the target and its forwarded headers on.

import { createProxyServer } from 'http-proxy-3';
import { agent, answerField, requestField, serve, targetUrl } from './serve-http.mjs';

const proxy = createProxyServer({
  target: targetUrl,
  agent,
  xfwd: true,
  ws: true,
  headers: { [requestField.name]: requestField.value },
});
proxy.on('proxyRes', (answer) => {
  answer.headers[answerField.name.toLowerCase()] = answerField.value;
  answer.rawHeaders.push(answerField.name, answerField.value);
});
proxy.on('error', (_, _request, response) => response?.destroy());

serve(
  (request, response) => proxy.web(request, response),
  (request, socket, head) => proxy.ws(request, socket, head),
);
