// h2load on the load generator's core: as many requests by HTTP/2 as its time allows, several at a time on each connection.

import { runProgram } from './children.mjs';
import { host } from './http-plan.mjs';

/** `{ done, wallMs }`; throws if a request failed. `content`: a file that each request sends. */
export async function runH2load({ port, path, connections, streams, seconds, isTls, headers = [], content }) {
  const args = [
    ...['-t', '1', '-c', String(connections), '-m', String(streams)],
    ...['-D', String(Math.max(1, Math.round(seconds))), '--warm-up-time', '0'],
    ...(content === undefined ? [] : ['-d', content]),
    ...headers.flatMap((field) => ['-H', field]),
  ];
  const startedMs = performance.now();
  const url = `${isTls ? 'https' : 'http'}://127.0.0.1:${port}${path}`;
  const text = await runProgram('load', 'h2load', [...args, '-H', `:authority: ${host}`, url]);
  const wallMs = performance.now() - startedMs;
  const figures = /requests: \d+ total, \d+ started, (\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored/.exec(
    text,
  );
  const [done, good] = [Number(figures?.[1]), Number(figures?.[2])];
  // Those under way when the time is over count as neither.
  if (!(good > 0) || good < done || /[1-9]\d* 4xx|[1-9]\d* 5xx/.test(text)) throw new Error(text.slice(-900));
  return { done: good, wallMs };
}
