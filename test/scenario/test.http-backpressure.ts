// Much content and a side that does not take it: the HTTP engine holds little, and goes on where it stopped.

import http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { makeCertificate } from '../helpers/certificates.js';
import { receiveHashed, sendHashed } from '../helpers/hashed-stream.js';
import { makeHttpRoute, makeHttpsRoute } from '../helpers/http-routes.js';
import { startProxyProcess } from '../helpers/proxy-process.js';
import { expect, tap } from '../helpers/tapbundle.js';

const isLong = process.env.LONG === '1';
const offered = isLong ? 1_000_000_000 : 80_000_000;
/** How often it is looked, 50 ms apart; in long mode ten seconds. */
const looks = isLong ? 200 : 4;
const allowed = 2_000_000;

const kinds = ['a download', 'an upload', 'a chunked download', 'a chunked upload'];

for (const isTls of [false, true]) {
  // A process each takes its time: the other half of them in long mode.
  for (const kind of kinds.filter((_, n) => isLong || (n % 3 === 0) !== isTls)) {
    tap.test(`what nobody takes of ${kind} waits outside of the proxy${isTls ? ', TLS too' : ''}`, async () => {
      const isUpload = kind.endsWith('upload');
      const length = kind.includes('chunked') ? {} : { 'content-length': offered };
      const certificate = await makeCertificate({ names: ['a.test'] });
      const origin = http.createServer().listen(0, '127.0.0.1');
      await new Promise((resolve) => origin.once('listening', resolve));
      const { port: target } = origin.address() as AddressInfo;
      await using proxy = await startProxyProcess({
        routes: [isTls ? makeHttpsRoute(target, certificate) : makeHttpRoute(target)],
      });
      const before = await proxy.state();

      const asked = new Promise<[http.IncomingMessage, http.ServerResponse]>((resolve) =>
        origin.once('request', (request, response) => resolve([request, response])),
      );
      const request = (isTls ? https : http).request({
        ...{ port: proxy.port, host: '127.0.0.1', servername: 'a.test', ca: certificate.ca, agent: false },
        ...{ method: isUpload ? 'PUT' : 'GET', headers: { host: 'a.test', ...(isUpload ? length : {}) } },
      });
      request.on('error', () => {});
      const answered = new Promise<http.IncomingMessage>((resolve) => request.once('response', resolve));
      if (isUpload) request.flushHeaders();
      else request.end();
      const [incoming, response] = await asked;
      let from: Writable = request;
      let to: Readable = incoming;
      if (!isUpload) {
        response.writeHead(200, length).flushHeaders();
        [from, to] = [response, await answered];
      }

      const sent = sendHashed(from, offered);
      sent.catch(() => {});
      for (let look = 0; look < looks; look++) {
        expect((await proxy.state()).mostQueuedBytes).not.toBeGreaterThan(allowed);
        await delay(50);
      }
      const full = await proxy.state();
      await delay(300);
      const later = await proxy.state();
      expect(later.cpuMs - full.cpuMs).not.toBeGreaterThan(250);
      expect(later.bufferBytes - before.bufferBytes).not.toBeGreaterThan(allowed);

      expect(await receiveHashed(to)).toEqual(await sent);
      if (isUpload) response.end('taken');
      if (isUpload) expect((await answered).statusCode).toEqual(200);
      request.destroy();
      for (let look = 0; (await proxy.state()).live > 0; look++) {
        if (look === 100) throw new Error('a connection is left');
        await delay(50);
      }
      origin.close();
      origin.closeAllConnections();
    });
  }
}

export default tap.start();
