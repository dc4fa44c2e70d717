import fc from 'fast-check';
import type { IResponseHead } from '../../ts/codec/http-message.js';
import { decodeResponseHead } from '../../ts/codec/http1-response.js';
import { writeResponseHead } from '../../ts/codec/http1-write.js';
import { responseBlock } from '../../ts/codec/http2-fields.js';
import { readResponse } from '../../ts/codec/http2-response.js';
import { done, latin1, partOf, testHeadLimits } from '../helpers/read-http1.js';
import { expect, numRuns, tap } from '../helpers/tapbundle.js';

const read = (fields: readonly string[], end = false): IResponseHead => {
  const head = readResponse([...fields], end);
  if ('fault' in head) throw new Error(`${head.fault}: ${JSON.stringify(fields)}`);
  return head;
};
const refused = (fields: readonly string[], fault: string, end = false): void => {
  expect([fields, readResponse([...fields], end)]).toEqual([fields, { fault }]);
};
const same = (value: object, like: object): void => expect(partOf(value, like)).toEqual(like);

tap.test('an answer is read in all its parts', async () => {
  const fields = [':status', '404', 'content-type', 'text/plain', 'content-length', '5', 'x', ''];
  expect(readResponse(fields, false)).toEqual({
    status: 404,
    reason: '',
    fields: ['content-type', 'text/plain', 'x', ''],
    contentLength: 5,
  });
});

tap.test('an answer has one status, before all else (RFC 9113 §8.3.2)', async () => {
  for (const fields of [[], ['x', 'y'], ['x', 'y', ':status', '200'], [':path', '/'], [':Status', '200']]) {
    refused(fields, ':status');
  }
  refused([':status', '200', ':status', '200'], 'field name');
  refused([':status', '200', ':method', 'GET'], 'field name');
  refused([':status', '200', 'x', 'y', ':status', '200'], 'field name');
});

tap.test('a status has three digits, from 100 to 599', async () => {
  for (const status of ['', '20', '2000', '099', '600', '999', '2x0', ' 20', '+20', '0x1', '20\n', '200 OK', '٢٠٠']) {
    refused([':status', status], ':status');
  }
  for (const status of [100, 103, 200, 599]) same(read([':status', `${status}`]), { status });
});

tap.test('nothing is switched (RFC 9113 §8.6)', async () => {
  refused([':status', '101'], 'interim answer that may be none');
  refused([':status', '101'], 'interim answer that may be none', true);
});

tap.test('an interim answer ends nothing (RFC 9113 §8.1)', async () => {
  refused([':status', '100'], 'interim answer that may be none', true);
  refused([':status', '103', 'link', '</a>'], 'interim answer that may be none', true);
  same(read([':status', '103', 'link', '</a>']), { status: 103, fields: ['link', '</a>'], contentLength: 0 });
});

tap.test('names and values are judged as those of requests (RFC 9113 §8.2.1)', async () => {
  for (const name of ['', 'X', 'a b', 'a:', 'a\r\nb', 'a\0']) refused([':status', '200', name, 'y'], 'field name');
  for (const value of ['a\r\nb', 'a\nb', '\0', 'a\x7f']) refused([':status', '200', 'x', value], 'field value');
  refused([':status', '200', 'x', ' y'], 'white space around a field value');
});

tap.test('fields of a connection are malformed, TE among them (RFC 9113 §8.2.2)', async () => {
  for (const name of ['connection', 'proxy-connection', 'keep-alive', 'transfer-encoding', 'upgrade', 'te']) {
    refused([':status', '200', name, 'trailers'], 'field of a connection');
  }
});

tap.test('a length is a number of up to 15 digits, once, as in HTTP/1', async () => {
  for (const value of ['', '+5', '5,5', '1000000000000000', '0x5']) {
    refused([':status', '200', 'content-length', value], 'Content-Length');
  }
  const twice = ['content-length', '5', 'content-length', '5'];
  refused([':status', '200', ...twice], 'several Content-Length fields');
});

tap.test('the length follows from what is stated and whether anything follows', async () => {
  const rows: readonly (readonly [string, string | null, boolean, number])[] = [
    ['200', null, false, -1],
    ['200', null, true, 0],
    ['200', '5', false, 5],
    ['200', '0', true, 0],
    ['200', '0', false, 0],
    ['304', null, true, -1],
    ['304', '5', true, 5],
    ['204', null, true, 0],
    ['204', null, false, 0],
    ['204', '0', true, 0],
    ['103', null, false, 0],
  ];
  for (const [status, stated, end, contentLength] of rows) {
    const fields = [':status', status, ...(stated === null ? [] : ['content-length', stated])];
    expect([fields, end, read(fields, end).contentLength]).toEqual([fields, end, contentLength]);
  }
});

tap.test(
  'content that is announced where there is none, or does not come, is malformed (RFC 9113 §8.1.1)',
  async () => {
    refused([':status', '200', 'content-length', '5'], 'content that does not come', true);
    refused([':status', '204', 'content-length', '5'], 'content that does not come');
    refused([':status', '103', 'content-length', '5'], 'content that does not come');
  },
);

const answers = fc
  .tuple(
    fc.constantFrom('200', '200', '204', '304', '404', '500', '103', '101', '20', '599'),
    fc.array(
      fc.tuple(
        fc.constantFrom('x', 'server', 'content-length', 'set-cookie', 'te', 'connection', 'A'),
        fc.oneof(
          fc.constantFrom('y', '5', '0', ''),
          fc.uint8Array({ maxLength: 4 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
        ),
      ),
      { maxLength: 3 },
    ),
    fc.boolean(),
  )
  .map(([status, more, end]) => ({ fields: [':status', status, ...more.flat()], end }));

tap.test('what is taken is written to HTTP/1 and read there as the same answer', async () => {
  let taken = 0;
  fc.assert(
    fc.property(answers, ({ fields, end }) => {
      const head = readResponse([...fields], end);
      if ('fault' in head) return;
      taken++;
      const framing = head.contentLength > 0 ? 'length' : head.contentLength < 0 ? 'chunked' : 'none';
      const other = done(
        decodeResponseHead(latin1(writeResponseHead(head, framing, '', '1.1')), 0, testHeadLimits, 'GET'),
      );
      const kept = other.fields.filter((_, at) => !/^transfer-encoding$/i.test(other.fields[at - (at % 2)] ?? ''));
      expect({ status: other.status, fields: kept }).toEqual({ status: head.status, fields: head.fields });
      expect(other.contentLength).toEqual(head.contentLength);
    }),
    { seed: 771, numRuns: numRuns() },
  );
  expect(taken).toBeGreaterThan(100);
});

tap.test('what is written is read as the same answer', async () => {
  let taken = 0;
  fc.assert(
    fc.property(answers, ({ fields, end }) => {
      const head = readResponse([...fields], end);
      if ('fault' in head) return;
      taken++;
      expect(readResponse(responseBlock(head, end && head.status !== 304), end)).toEqual(head);
    }),
    { seed: 772, numRuns: numRuns() },
  );
  expect(taken).toBeGreaterThan(100);
});

export default tap.start();
