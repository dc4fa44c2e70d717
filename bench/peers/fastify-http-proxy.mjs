// @fastify/http-proxy, which keeps connections to the target by undici. It writes no forwarded headers but the host.

import fastifyHttpProxy from '@fastify/http-proxy';
import fastify from 'fastify';
import { answerBenchmark } from './answer.mjs';
import { addForwarded, answerField, identity, isAllowed, requestField, targetUrl } from './serve-http.mjs';

const app = fastify({ logger: false, keepAliveTimeout: 65_000, ...(identity ? { https: identity } : {}) });
app.register(fastifyHttpProxy, {
  upstream: targetUrl,
  websocket: true,
  preHandler(request, reply, done) {
    if (isAllowed(request.raw)) done();
    else reply.code(403).send();
  },
  replyOptions: {
    rewriteRequestHeaders(request, headers) {
      headers[requestField.name] = requestField.value;
      return addForwarded(headers, request.raw);
    },
    rewriteHeaders(headers) {
      // It hands on the target's, and clients that want the connection to end would wait for it.
      delete headers.connection;
      headers[answerField.name] = answerField.value;
      return headers;
    },
  },
});
await app.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 });
process.send({ port: app.server.address().port });
answerBenchmark();
