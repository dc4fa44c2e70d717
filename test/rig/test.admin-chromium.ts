// The page of the admin interface in a real browser: what it shows, in both schemes and at any width, and what it asks for.

import type { IRouteConfig } from '../../ts/index.js';
import { makeCertificate } from '../helpers/certificates.js';
import { openPage } from '../helpers/chromium.js';
import { connectTcp } from '../helpers/clients.js';
import { needs } from '../helpers/debian.js';
import { startEcho } from '../helpers/origins.js';
import { type IStartedProxy, startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';

tap.timeout(120_000);

const test = needs('chromium');
const hostile = '<img src=x onerror=alert(1)>"&amp;';
const token = 'token-of-the-page-0123456789';

async function startWorld(echoPort: number, admin: { port: number; token?: string }): Promise<IStartedProxy> {
  const identity = await makeCertificate({ names: ['shop.test'] });
  const target = { host: '127.0.0.1', port: echoPort };
  const routes: IRouteConfig[] = [
    {
      name: hostile,
      match: { ports: 0 },
      action: { type: 'forward', target, healthCheck: { passive: { failures: 1 } } },
    },
    {
      name: 'secure',
      match: { ports: 0, domains: 'shop.test' },
      action: { type: 'forward', target, tls: { mode: 'terminate', certificate: identity } },
    },
    { name: 'constructor', enabled: false, match: { ports: 0, path: '/off' }, action: { type: 'block' } },
  ];
  return await startProxy({ routes, admin, metrics: { sampleIntervalMs: 100, retentionSeconds: 60 } });
}

const text = (id: string) => `document.getElementById('${id}').innerText`;
const has = (id: string, what: string) => `${text(id)}.includes(${JSON.stringify(what)})`;

test('it shows routes, targets, certificates, connections and their ends, and explains', async () => {
  await using echo = await startEcho();
  await using world = await startWorld(echo.port, { port: 0 });
  await using client = await connectTcp(world.port);
  client.send('hello\r\n');
  await client.receive(7);
  const origin = `http://127.0.0.1:${world.proxy.adminPort}`;
  await using page = await openPage(`${origin}/`);
  await page.until("!document.getElementById('main').hidden");
  await page.until(`${text('connections')} === '1' && ${has('live', '127.0.0.1')}`);
  expect(await page.evaluate(text('state'))).toContain('running');
  // What names hold is text.
  expect(await page.evaluate(text('routes'))).toContain(hostile);
  expect(await page.evaluate("document.querySelectorAll('#routes img').length")).toEqual(0);
  expect(await page.evaluate(text('routes'))).toContain('constructor (disabled)');
  expect(await page.evaluate(text('targets'))).toContain(`127.0.0.1:${echo.port}`);
  expect(await page.evaluate(text('targets'))).toContain('up');
  expect(await page.evaluate(text('certificates'))).toContain('shop.test');
  expect(await page.evaluate("document.getElementById('line-in').points.length")).toBeGreaterThan(0);

  const fill = (form: string, name: string, value: string) =>
    page.evaluate(`{
      const field = document.forms['${form}'].elements['${name}'];
      field.value = ${JSON.stringify(value)};
      field.dispatchEvent(new Event('input', { bubbles: true }));
    }`);
  await fill('filter', 'client', '192.0.2.9');
  await page.until(has('live', 'none fits'));
  await fill('filter', 'client', '127.0.0.1');
  await page.until(has('live', 'transfer'));

  await fill('explain', 'port', String(world.port));
  await fill('explain', 'domain', 'shop.test');
  await page.evaluate("document.forms['explain'].requestSubmit()");
  await page.until(has('explanation', 'route secure takes the request'));
  await fill('explain', 'clientIp', 'nonsense');
  await page.evaluate("document.forms['explain'].requestSubmit()");
  await page.until(has('explanation', 'clientIp: want an IP address'));

  await page.evaluate("document.querySelector('#live button').click()");
  await client.closed;
  expect(await world.ends()).toEqual(['closed_by_operator']);
  await page.until(`${has('ends', 'closed_by_operator')} && ${has('last', 'closed_by_operator')}`);

  const elsewhere = page.requests.filter((url) => !url.startsWith(origin) && !url.startsWith('data:'));
  expect(elsewhere.filter((url) => url !== 'about:blank')).toEqual([]);
  // Of the question that made no sense it tells itself.
  expect(page.complaints.filter((complaint) => !complaint.includes('status of 422'))).toEqual([]);
});

test('with a token it asks for it, keeps it in its tab alone, and says when it is another one', async () => {
  await using echo = await startEcho();
  await using world = await startWorld(echo.port, { port: 0, token });
  await using page = await openPage(`http://127.0.0.1:${world.proxy.adminPort}/`, { scheme: 'dark' });
  const enter = (word: string) =>
    page.evaluate(`{
      document.getElementById('token').value = ${JSON.stringify(word)};
      document.getElementById('login').requestSubmit();
    }`);
  await page.until("!document.getElementById('login').hidden");
  expect(await page.evaluate("document.getElementById('main').hidden")).toEqual(true);
  await enter('another-token-0123456789');
  await page.until(has('trouble', 'the token is another one'));
  await enter(token);
  await page.until(`!document.getElementById('main').hidden && ${has('state', 'running')}`);
  const kept = await page.evaluate(
    'JSON.stringify([localStorage.length, document.cookie, location.href, sessionStorage.length])',
  );
  expect(kept).toEqual(JSON.stringify([0, '', `http://127.0.0.1:${world.proxy.adminPort}/`, 1]));
  await page.send('Page.reload');
  await page.until(`!document.getElementById('main').hidden && ${has('state', 'running')}`);
});

for (const scheme of ['light', 'dark'] as const) {
  test(`at the width of a phone nothing sticks out, in ${scheme}`, async () => {
    await using echo = await startEcho();
    await using world = await startWorld(echo.port, { port: 0 });
    await using page = await openPage(`http://127.0.0.1:${world.proxy.adminPort}/`, {
      width: 360,
      height: 740,
      scheme,
    });
    await page.until(`!document.getElementById('main').hidden && ${has('routes', 'secure')}`);
    const [scroll, client] = await page.evaluate<[number, number]>(
      '[document.documentElement.scrollWidth, document.documentElement.clientWidth]',
    );
    expect(scroll).toEqual(client);
    // WCAG 2.1 §1.4.3 asks for 4.5 where text is small.
    const colours = await page.evaluate<
      string[]
    >(`['body', '.quiet', '#state', 'th', '.tiles span'].flatMap((place) => {
      const element = document.querySelector(place);
      const sheet = element.closest('section') ?? document.body;
      return [getComputedStyle(element).color, getComputedStyle(sheet).backgroundColor];
    })`);
    for (let i = 0; i < colours.length; i += 2) {
      expect([colours[i], contrast(colours[i] ?? '', colours[i + 1] ?? '') >= 4.5]).toEqual([colours[i], true]);
    }
    const isDark = luminance(colours[1] ?? '') < 0.2;
    expect(isDark).toEqual(scheme === 'dark');
  });
}

function contrast(one: string, other: string): number {
  const [dark = 0, light = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

function luminance(colour: string): number {
  const [r = 0, g = 0, b = 0] = (colour.match(/[\d.]+/g) ?? []).map((part) => {
    const value = Number(part) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

export default tap.start();
