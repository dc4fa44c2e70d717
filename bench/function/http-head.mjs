// Decoding request heads as two kinds of clients send them, and writing heads of both directions.

import { readAuthority } from '../../dist_ts/codec/http-authority.js';
import { decodeRequestHead } from '../../dist_ts/codec/http1-request.js';
import { decodeResponseHead } from '../../dist_ts/codec/http1-response.js';
import { writeRequestHead, writeResponseHead } from '../../dist_ts/codec/http1-write.js';

const limits = { maxBytes: 16_384, maxFields: 100 };
const perCall = 100;
const scratch = Buffer.alloc(4096);

const small = Buffer.from('GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n');

const browserFields = [
  'Host: site.bench.test',
  'Connection: keep-alive',
  'sec-ch-ua: "Chromium";v="142", "Not_A Brand";v="99"',
  'sec-ch-ua-mobile: ?0',
  'sec-ch-ua-platform: "Linux"',
  'Upgrade-Insecure-Requests: 1',
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36',
  'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8',
  'Sec-Fetch-Site: same-origin',
  'Sec-Fetch-Mode: navigate',
  'Sec-Fetch-Dest: document',
  'Referer: http://site.bench.test/overview',
  'Accept-Encoding: gzip, deflate, br, zstd',
  'Accept-Language: en-GB,en;q=0.9',
  'Cookie: session=0123456789abcdef0123456789abcdef; theme=dark',
];
const browser = Buffer.from(
  `GET /articles/2024/03/some-title?page=2 HTTP/1.1\r\n${browserFields.join('\r\n')}\r\n\r\n`,
);

const answer = Buffer.from(
  'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nServer: bench\r\n\r\n',
);

const repeat = (run) => () => {
  for (let i = 0; i < perCall; i++) run();
};

export async function makeCase() {
  const read = decodeRequestHead(browser, 0, limits);
  if (read.kind !== 'done' || read.value.fields.length !== 28) throw new Error('the head was not read');
  const got = decodeResponseHead(answer, 0, limits, 'GET');
  if (got.kind !== 'done' || got.value.contentLength !== 13) throw new Error('the answer was not read');
  return {
    perCall,
    tasks: {
      smartproxy: repeat(() => decodeRequestHead(small, 0, limits)),
      browser: repeat(() => decodeRequestHead(browser, 0, limits)),
      response: repeat(() => decodeResponseHead(answer, 0, limits, 'GET')),
      // With the copying that a socket's write does.
      'write request': repeat(() => scratch.write(writeRequestHead(read.value, 'keep-alive'), 'latin1')),
      'write response': repeat(() => scratch.write(writeResponseHead(got.value, 'length', '', '1.1'), 'latin1')),
      host: repeat(() => readAuthority('site.bench.test:8080')),
    },
  };
}
