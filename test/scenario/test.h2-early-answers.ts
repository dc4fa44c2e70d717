// Targets of HTTP/2 that do not hear an upload to its end: they answer it, refuse it or reset it, each in every form that there is.
// What is whole reaches the client, what was not looked at is sent again, and nothing else is.

import { h2Error } from '../../ts/codec/http2-frame.js';
import {
  connectRaw,
  RawPeer,
  rawData,
  rawGoaway,
  rawHeaders,
  rawRequest,
  rawReset,
  rawSettings,
  rawSettingsAck,
  rawWindowUpdate,
} from '../helpers/h2-raw.js';
import { openRawHttp } from '../helpers/http-clients.js';
import { makeHttpRoute } from '../helpers/http-routes.js';
import { watchInnerParts } from '../helpers/inner-parts.js';
import { startOrigin } from '../helpers/origins.js';
import { reportsOf } from '../helpers/requests.js';
import { startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';

/** More than is ever kept to be sent again. */
const uploadBytes = 400_000;
/** What a stream may be sent before its target opens a window. */
const firstWindowBytes = 65_535;

const head = rawHeaders(1, [':status', '413', 'content-length', '5']);
const whole = [head, rawData(1, 'large', { end: true })];
const { noError, internal, cancel, refusedStream, enhanceYourCalm } = h2Error;

interface IForm {
  readonly what: string;
  readonly frames: readonly Buffer[];
  /** The connection ends behind them. */
  readonly last?: 'FIN' | 'RST';
  /** What the client gets: a status and the content; `cut` if it is not whole. */
  readonly gets: string;
  /** The same where the target had opened its windows before, and was sent more than is kept. */
  readonly getsLater?: string;
}

const forms: readonly IForm[] = [
  { what: 'an answer, and nothing', frames: whole, gets: '413 large' },
  ...[noError, internal, cancel, refusedStream, enhanceYourCalm].map((code) => ({
    what: `an answer, and a reset with ${code}`,
    frames: [...whole, rawReset(1, code)],
    gets: '413 large',
  })),
  {
    what: 'an answer that is a head alone, and a reset',
    frames: [rawHeaders(1, [':status', '401'], { end: true }), rawReset(1, noError)],
    gets: '401 ',
  },
  {
    what: 'an answer with trailers, and a reset',
    frames: [head, rawData(1, 'large'), rawHeaders(1, ['x-a', 'b'], { end: true }), rawReset(1, internal)],
    gets: '413 large',
  },
  { what: 'an answer, GOAWAY and FIN', frames: [...whole, rawGoaway(1, noError)], last: 'FIN', gets: '413 large' },
  { what: 'an answer, and the end of the connection', frames: whole, last: 'RST', gets: '413 large' },
  // Without END_STREAM it is not whole, whatever its length (RFC 9113 §8.1).
  {
    what: 'an answer without its end, and a reset',
    frames: [head, rawData(1, 'large'), rawReset(1, noError)],
    gets: 'cut',
  },
  { what: 'a refusal', frames: [rawReset(1, refusedStream)], gets: '200 ', getsLater: '502 502 Bad Gateway\n' },
  { what: 'GOAWAY of 0', frames: [rawGoaway(0, noError)], gets: '200 ', getsLater: '502 502 Bad Gateway\n' },
  {
    what: 'an interim answer, and a refusal',
    frames: [rawHeaders(1, [':status', '103']), rawReset(1, refusedStream)],
    gets: '200 ',
    getsLater: '502 502 Bad Gateway\n',
  },
  ...[noError, internal, cancel].map((code) => ({
    what: `a reset with ${code}`,
    frames: [rawReset(1, code)],
    gets: '502 502 Bad Gateway\n',
  })),
];

/** Its first request gets the form, all others are heard to their end and get 200. */
class Target {
  readonly #form: IForm;
  readonly #isLate: boolean;
  /** The content of the requests that were heard to their end. */
  readonly heard: number[] = [];

  constructor(form: IForm, isLate: boolean) {
    this.#form = form;
    this.#isLate = isLate;
  }

  async serve(peer: RawPeer, isFirst: boolean): Promise<void> {
    const isLarge = isFirst && this.#isLate;
    peer.send(rawSettings(4, isLarge ? uploadBytes : firstWindowBytes), rawSettingsAck());
    peer.send(rawWindowUpdate(0, 10 * uploadBytes));
    if (isFirst) await this.#strike(peer);
    const { stream } = await peer.next('HEADERS');
    let bytes = 0;
    for (let isLast = false; !isLast; ) {
      const { payload, flags } = await peer.next('DATA', stream);
      bytes += payload.length;
      isLast = (flags & 1) !== 0;
      if (payload.length > 0) peer.send(rawWindowUpdate(stream, payload.length));
    }
    this.heard.push(bytes);
    peer.send(rawHeaders(stream, [':status', '200'], { end: true }));
  }

  /** As soon as no more comes without a window, or later. */
  async #strike(peer: RawPeer): Promise<void> {
    const least = this.#isLate ? uploadBytes - 100_000 : firstWindowBytes;
    for (let bytes = 0; bytes < least; ) bytes += (await peer.next('DATA')).payload.length;
    const { frames, last } = this.#form;
    await new Promise((resolve) => peer.socket.write(Buffer.concat(frames), resolve));
    if (last === 'FIN') peer.socket.end();
    else if (last === 'RST') peer.socket.resetAndDestroy();
  }
}

/** What a client of HTTP/1.1 gets for its upload. */
async function uploadBy1(port: number): Promise<string> {
  await using client = await openRawHttp(port);
  client.send(`POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: ${uploadBytes}\r\n\r\n`);
  // In the pieces of a network: what is kept goes by what was read at once.
  for (let sent = 0; sent < uploadBytes; sent += 10_000) {
    client.send(Buffer.alloc(10_000, 'u'));
    await new Promise(setImmediate);
  }
  const final = () => client.answers.find(({ status }) => status >= 200);
  await client.when(() => final()?.isComplete ?? false).catch(() => {});
  const answer = final();
  return answer?.isComplete ? `${answer.status} ${answer.body}` : 'cut';
}

/** The same of HTTP/2. */
async function uploadBy2(port: number): Promise<string> {
  await using client = await connectRaw(port);
  client.send(rawSettingsAck(), rawHeaders(1, rawRequest('/', 'POST', 'content-length', `${uploadBytes}`)));
  let left = uploadBytes;
  const upload = (bytes: number): void => {
    let room = Math.min(bytes, left);
    left -= room;
    for (; room > 0; room -= 10_000)
      client.send(rawData(1, Math.min(room, 10_000), { end: left === 0 && room <= 10_000 }));
  };
  upload(firstWindowBytes);
  let status = '';
  let body = '';
  for (;;) {
    const frame = await nextOf(client);
    const { name, flags, payload } = frame;
    if (name === 'WINDOW_UPDATE') upload(payload.readUInt32BE(0));
    else if (name === 'RST_STREAM') return 'cut';
    else if (name === 'DATA') body += payload.toString();
    else if (name === 'HEADERS') {
      // Trailers have none.
      const [first, value = ''] = client.fields(frame);
      if (first === ':status') status = value;
    }
    if (name !== 'WINDOW_UPDATE' && (flags & 1) !== 0) return `${status} ${body}`;
  }
}

/** The next frame of the first stream. */
async function nextOf(peer: RawPeer) {
  for (;;) {
    await until(
      () => peer.frames.length > 0,
      15_000,
      () => 'a frame',
    );
    const frame = peer.frames.shift();
    if (frame?.stream === 1) return frame;
  }
}

tap.timeout(60_000);

for (const [version, upload] of [
  ['1.1', uploadBy1],
  ['2', uploadBy2],
] as const) {
  for (const isLate of [false, true]) {
    const when = isLate ? 'most of an upload was heard' : 'its first window was used up';
    tap.test(`when ${when}, to a client of HTTP/${version}: every form of no more does what it should`, async () => {
      using inner = watchInnerParts();
      const wrong: string[] = [];
      for (const form of forms) {
        const want = (isLate ? form.getsLater : undefined) ?? form.gets;
        const target = new Target(form, isLate);
        let connections = 0;
        await using origin = await startOrigin((socket) => {
          void target.serve(new RawPeer(socket, true), connections++ === 0).catch(() => {});
        });
        const to = { host: '127.0.0.1', port: origin.port, backendProtocol: 'http2' } as const;
        const routes = [makeHttpRoute(0, { action: { type: 'forward', target: to } })];
        await using proxy = await startProxy({ routes, http: { h2c: true } });
        const reports = reportsOf(proxy);
        const got = await upload(proxy.port);
        if (got !== want) wrong.push(`${form.what}: wanted ${want}, got ${got}`);
        await reports.next();
        // Once, and all of it.
        if (want === '200 ') expect(target.heard).toEqual([uploadBytes]);
        else expect(target.heard).toEqual([]);
        await until(
          () => inner.leases + inner.upstreams.waiting === 0 && inner.upstreams.open === inner.upstreams.idle,
          5_000,
          () => `nothing left, has ${inner.leases} leases, ${JSON.stringify(inner.upstreams)}`,
        );
      }
      expect(wrong).toEqual([]);
    });
  }
}

export default tap.start();
