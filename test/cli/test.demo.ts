import { get } from 'node:https';
import { demo } from '../../ts/cli/demo.js';
import { CommandError } from '../../ts/cli/host.js';
import { connectTcp } from '../helpers/clients.js';
import { fakeHost } from '../helpers/fake-host.js';
import { expect, tap } from '../helpers/tapbundle.js';

tap.test('the demonstration shows each origin answering, why, and what was counted', async () => {
  const host = fakeHost();
  await demo({}, host);
  const text = host.lines.join('\n');
  for (const [client, name] of [
    ['TLS, asks for apple.test', 'apple'],
    ['TLS, asks for pear.test', 'pear'],
    ['plain TCP', 'plain'],
  ]) {
    expect(text).toMatch(new RegExp(`^  ${client} +${name} +127\\.0\\.0\\.1:\\d+ +"hello from ${name}"$`, 'm'));
  }
  expect(text).toMatch(/^ {2}\+ match +route pear takes the connection$/m);
  expect(text).toMatch(/^ {2}= forward to 127\.0\.0\.1:\d+$/m);
  expect(text).toMatch(/^ {2}connections +4, 0 open$/m);
  expect(text).toMatch(/^ {2}ended by +client_closed 1, target_closed 3$/m);
  expect(host.errors).toEqual([]);
  const port = Number(/listens on 127\.0\.0\.1:(\d+)/.exec(text)?.[1]);
  await expect(connectTcp(port)).rejects.toThrow();
});

tap.test('it shows requests routed one by one in TLS that ends at the proxy', async () => {
  const host = fakeHost();
  await demo({}, host);
  const text = host.lines.join('\n');
  for (const [path, status, route, target, gets] of [
    [
      '/api/users\\?page=2',
      '200',
      'api',
      '127\\.0\\.0\\.1:\\d+',
      '"hello from shop, asked for /users\\?page=2 by 127\\.0\\.0\\.1"',
    ],
    ['/feed', '200', 'feed', '127\\.0\\.0\\.1:\\d+', '3 events, one at a time'],
    ['/hello/you', '200', 'hello', '-', '"hello you, by a function"'],
    ['/old/page', '308', 'old', '-', 'Location: https://shop\\.test/api/'],
    ['/nothing', '404', '-', '-', '"404 Not Found"'],
  ]) {
    expect(text).toMatch(new RegExp(`^  GET ${path} +${status} +${route} +${target} +${gets}$`, 'm'));
  }
  expect(text).toMatch(/^ {2}- match {2}route feed does not match: path NO \(want \/feed; got \/nothing\)$/m);
  expect(text).toMatch(/^ {2}= no_route \(404\)$/m);
  expect(text).toMatch(/^ {2}requests +5, by status: 200 3, 308 1, 404 1$/m);
});

tap.test('its lines fit a terminal, and nothing stands at their ends', async () => {
  const host = fakeHost();
  await demo({}, host);
  for (const line of host.lines.join('\n').split('\n')) {
    if (line.length > 120 || line !== line.trimEnd()) throw new Error(`of ${line.length} characters: "${line}"`);
  }
});

tap.test('with --keep it goes on, answers the client that it names, and ends by a signal', async () => {
  const host = fakeHost();
  const done = demo({ keep: true }, host);
  const port = Number(/::127\.0\.0\.1:(\d+)/.exec(await host.line(/curl/))?.[1]);
  expect(await ask(port, 'pear.test')).toEqual('hello from pear\n');
  expect(await ask(port, 'shop.test', '/hello/you')).toEqual('hello you, by a function');
  host.signals.emit('SIGINT');
  await done;
  expect(['SIGINT', 'SIGTERM'].map((name) => host.signals.listenerCount(name))).toEqual([0, 0]);
  await expect(connectTcp(port)).rejects.toThrow();
});

tap.test('with a wrong answer it fails, and leaves nothing behind', async () => {
  for (const wrong of ['apple', 'plain', 'shop']) {
    const host = fakeHost();
    const error: unknown = await demo({}, host, (name) => `hello from ${name === wrong ? 'elsewhere' : name}`).catch(
      (caught: unknown) => caught,
    );
    if (!(error instanceof CommandError)) throw new Error(`want a CommandError, got ${error}`);
    expect(error.exitCode).toEqual(2);
    expect(error.message).toMatch(/^the demonstration failed: .*got (\d+ )?"hello from elsewhere/);
    const port = Number(/listens on 127\.0\.0\.1:(\d+)/.exec(host.lines.join('\n'))?.[1]);
    await expect(connectTcp(port)).rejects.toThrow();
  }
});

/** As `curl --insecure --connect-to` does. */
function ask(port: number, servername: string, path = '/'): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { host: servername };
    const options = { host: '127.0.0.1', port, path, headers, servername, rejectUnauthorized: false, agent: false };
    get(options, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => resolve(text));
    }).on('error', reject);
  });
}

export default tap.start();
