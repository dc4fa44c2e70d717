// The obvious TCP proxy in Node, two pipes: what a program has without this package.

import { connect, createServer } from 'node:net';
import { answerBenchmark } from './answer.mjs';

const { port, target } = JSON.parse(process.argv[2]);

const server = createServer({ noDelay: true }, (client) => {
  const upstream = connect({ host: target.host, port: target.port, noDelay: true });
  client.on('error', () => upstream.destroy());
  upstream.on('error', () => client.destroy());
  client.pipe(upstream);
  upstream.pipe(client);
});

server.listen({ port, host: '127.0.0.1', backlog: 4_096 }, () => process.send({ port: server.address().port }));
answerBenchmark();
