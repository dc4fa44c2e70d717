// The page of the admin interface: asks the API beside it, and nobody else. Whatever it is told it shows as text.

const tokenKey = 'smartproxy-admin-token';
const pollMs = 2000;
/** Every so many polls what seldom changes is asked for too. */
const slowPolls = 5;
const chartPoints = 150;
const lastEnds = 20;
/** Of a table; the API has all. */
const shownRows = 500;

const byId = (id) => document.getElementById(id);
let token = sessionStorage.getItem(tokenKey) ?? '';
let polls = 0;
let generation = 0;
const history = [];
const recentEnds = [];

class Refused extends Error {
  constructor(status, { code = '', message = '', faults = [] } = {}) {
    super(
      faults.length > 0 ? faults.map(({ path, want, got }) => `${path}: want ${want}, got ${got}`).join('\n') : message,
    );
    this.status = status;
    this.code = code;
  }
}

async function ask(path, { method = 'GET', body, signal } = {}) {
  const headers = method === 'GET' ? {} : { 'content-type': 'application/json' };
  if (token !== '') headers.authorization = `Bearer ${token}`;
  const content = body === undefined ? undefined : JSON.stringify(body);
  const answer = await fetch(path, { method, headers, body: content, signal, cache: 'no-store', credentials: 'omit' });
  if (answer.ok) return answer;
  const { error } = await answer.json().catch(() => ({}));
  throw new Refused(answer.status, error);
}

const read = async (path) => (await ask(path)).json();

/** A row of cells: text, or `{ text, kind, element }`. */
function row(cells) {
  const line = document.createElement('tr');
  for (const cell of cells) {
    const { text = cell, kind = '', element = null } = cell !== null && typeof cell === 'object' ? cell : {};
    const place = document.createElement('td');
    if (kind !== '') place.className = kind;
    if (element !== null) place.append(element);
    else place.textContent = text ?? '–';
    line.append(place);
  }
  return line;
}

function fill(id, rows, empty) {
  const place = byId(id);
  place.replaceChildren(...rows.map(row));
  if (rows.length > 0) return;
  const nothing = row([{ text: empty, kind: 'quiet' }]);
  nothing.firstChild.colSpan = place.parentElement.tHead.rows[0].cells.length;
  place.append(nothing);
}

const number = (value) => ({ text: value.toLocaleString('en'), kind: 'number' });

function bytes(value) {
  if (value === null || value === undefined) return '–';
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let unit = 0;
  let size = value;
  for (; size >= 1000 && unit < units.length - 1; unit++) size /= 1000;
  return `${size >= 100 || unit === 0 ? Math.round(size) : size.toFixed(1)} ${units[unit]}`;
}

function duration(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} days`;
}

function showStatus({ version, state, uptimeMs, ports, pid }) {
  byId('version').textContent = version;
  byId('state').textContent = `${state} for ${duration(uptimeMs)}, process ${pid}, ports ${ports.join(', ') || 'none'}`;
  byId('state').className = state === 'running' ? 'good' : 'bad';
}

function showStatistics({ connectionsActive, requestsPerSecond, bytesInPerSecond, bytesOutPerSecond, ends }) {
  byId('connections').textContent = connectionsActive.toLocaleString('en');
  byId('requests').textContent =
    requestsPerSecond === null ? '–' : requestsPerSecond.toFixed(requestsPerSecond < 10 ? 1 : 0);
  byId('in').textContent = `${bytes(bytesInPerSecond)}/s`;
  byId('out').textContent = `${bytes(bytesOutPerSecond)}/s`;
  const reasons = Object.entries(ends).sort(([, a], [, b]) => b - a);
  fill(
    'ends',
    reasons.map(([reason, count]) => [reason, number(count)]),
    'none has ended yet',
  );
  history.push([bytesInPerSecond ?? 0, bytesOutPerSecond ?? 0]);
  if (history.length > chartPoints) history.shift();
  showChart();
}

function showChart() {
  const most = Math.max(1, ...history.flat());
  byId('scale').textContent = `at most ${bytes(most)}/s`;
  const x = (index) => (600 * (chartPoints - history.length + index)) / (chartPoints - 1);
  const y = (value) => 118 - (116 * value) / most;
  for (const [place, id] of ['line-in', 'line-out'].entries()) {
    const points = history.map((point, index) => `${x(index).toFixed(1)},${y(point[place]).toFixed(1)}`);
    byId(id).setAttribute('points', points.join(' '));
  }
}

const listText = (value) => (Array.isArray(value) ? value.map(listText).join(', ') : portText(value));
const portText = (value) => (value !== null && typeof value === 'object' ? `${value.from}-${value.to}` : String(value));

function matchText({ ports, domains, path, method }) {
  const what = [
    method === undefined ? '' : listText(method),
    domains === undefined ? '' : listText(domains),
    path ?? '',
  ];
  return [`port ${listText(ports)}`, ...what.filter((text) => text !== '')].join(' ');
}

const placeText = ({ host, port }) => {
  const name = host?.$kept === undefined ? listText(host) : 'a function';
  return `${name}:${port?.$kept === undefined ? port : 'a function'}`;
};

function actionText({ type, target, targets, redirect, respond, tls }) {
  const secure = tls?.mode === undefined ? '' : `TLS ${tls.mode}, `;
  if (type === 'forward')
    return `${secure}to ${(targets ?? [target ?? { host: 'the default target', port: '' }]).map(placeText).join(', ')}`;
  if (type === 'redirect') return `${secure}redirect to ${redirect.to}`;
  return `${secure}${type}${respond === undefined ? '' : ` ${respond.status}`}`;
}

function showRoutes({ routes, keys }, { connectionsByRoute }) {
  const rows = routes.slice(0, shownRows).map((route, index) => {
    const key = keys[index];
    const name = key ?? `${route.id ?? route.name ?? 'a route'} (disabled)`;
    const live = key !== null && Object.hasOwn(connectionsByRoute, key) ? connectionsByRoute[key] : 0;
    return [
      { text: name, kind: 'wide' },
      { text: matchText(route.match), kind: 'wide' },
      { text: actionText(route.action), kind: 'wide' },
      number(live),
    ];
  });
  fill('routes', rows, 'there are none');
  byId('keys').replaceChildren(
    ...keys
      .slice(0, shownRows)
      .filter((key) => key !== null)
      .map((key) => Object.assign(document.createElement('option'), { value: key })),
  );
}

function showTargets({ targets }) {
  const sorted = targets.toSorted((a, b) => Number(a.up) - Number(b.up) || a.target.localeCompare(b.target));
  const state = ({ up, why }) => (up ? { text: 'up', kind: 'good' } : { text: `down: ${why}`, kind: 'bad wide' });
  fill(
    'targets',
    sorted.slice(0, shownRows).map((each) => [each.target, state(each), number(each.active)]),
    'no route forwards',
  );
}

function showCertificates({ certificates }) {
  const sorted = certificates.toSorted((a, b) => (a.notAfter ?? 0) - (b.notAfter ?? 0));
  const rows = sorted.slice(0, shownRows).map(({ names, notAfter, issuer, source, lastError }) => {
    const leftMs = (notAfter ?? 0) - Date.now();
    const day =
      notAfter === null
        ? 'not there'
        : `${new Date(notAfter).toISOString().slice(0, 10)}, ${leftMs < 0 ? 'over' : `in ${duration(leftMs)}`}`;
    const trouble = lastError === null ? '' : `; last order: ${lastError.type}`;
    const kind = leftMs < 7 * 86_400_000 ? 'bad wide' : 'good wide';
    return [
      { text: names.join(', '), kind: 'wide' },
      { text: day + trouble, kind },
      { text: issuer ?? source, kind: 'wide' },
    ];
  });
  fill('certificates', rows, 'no route terminates TLS');
}

function endButton(id) {
  const button = Object.assign(document.createElement('button'), {
    type: 'button',
    textContent: 'end',
    title: `end connection ${id}`,
  });
  button.addEventListener('click', async () => {
    button.disabled = true;
    await ask(`api/connections/${encodeURIComponent(id)}`, { method: 'DELETE' }).catch(showTrouble);
    await showConnections().catch(showTrouble);
  });
  return button;
}

async function showConnections() {
  const given = new FormData(byId('filter'));
  const query = new URLSearchParams([...given].filter(([, value]) => value !== ''));
  const { total, matched, connections } = await read(`api/connections?${query}`);
  byId('matched').textContent = `${connections.length} shown of ${matched} that fit, ${total} in all`;
  const rows = connections.map((each) => [
    `${each.clientIp}:${each.clientPort}`,
    each.route,
    each.target === null ? '–' : `${each.target.host}:${each.target.port}`,
    { text: each.sni ?? '–', kind: 'wide' },
    each.isTLS ? `${each.phase}, TLS` : each.phase,
    { text: bytes(each.bytesReceived), kind: 'number' },
    { text: bytes(each.bytesSent), kind: 'number' },
    { text: duration(Date.now() - each.since), kind: 'number' },
    { element: endButton(each.id) },
  ]);
  // Not while somebody is about to press one of its buttons.
  if (!byId('live').contains(document.activeElement)) fill('live', rows, 'none fits');
}

function showEvent({ kind, at, data }) {
  if (kind !== 'connection-end') return;
  recentEnds.unshift([new Date(at).toLocaleTimeString(), data.clientIp, data.route, data.end]);
  recentEnds.length = Math.min(recentEnds.length, lastEnds);
}

/** Server-sent events by fetch, since an EventSource sends no token. */
async function listen(mine, signal) {
  while (mine === generation) {
    try {
      const { body } = await ask('api/events?kinds=connection-end,route-update,certificate,target-down,target-up', {
        signal,
      });
      const reader = body.pipeThrough(new TextDecoderStream()).getReader();
      let text = '';
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        const messages = (text + part.value).split('\n\n');
        text = messages.pop() ?? '';
        for (const message of messages) {
          if (!message.startsWith('data: ')) continue;
          const event = JSON.parse(message.slice(6));
          showEvent(event);
          // What seldom changes has changed: it is asked for at the next poll.
          if (event.kind !== 'connection-end') polls = 0;
        }
      }
    } catch (error) {
      if (error instanceof Refused && error.status === 401) return;
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

function showTrouble(error) {
  byId('trouble').hidden = error === null;
  byId('trouble').textContent =
    error === null ? '' : error instanceof Refused ? error.message : 'the proxy does not answer';
  if (error === null) return;
  byId('state').textContent = 'not known';
  byId('state').className = 'bad';
}

function askForToken({ code, message }) {
  generation++;
  sessionStorage.removeItem(tokenKey);
  byId('main').hidden = true;
  byId('login').hidden = false;
  byId('state').textContent = 'a token is needed';
  showTrouble(code === 'TOKEN_NEEDED' ? null : new Refused(401, { message }));
  byId('token').focus();
}

async function poll() {
  const slow = polls++ % slowPolls === 0;
  const statistics = await read('api/statistics');
  showStatus(await read('api/status'));
  showStatistics(statistics);
  fill('last', recentEnds, 'none since this page was opened');
  if (slow) {
    showRoutes(await read('api/routes'), statistics);
    showTargets(await read('api/targets'));
    showCertificates(await read('api/certificates'));
  }
  await showConnections();
}

async function run() {
  const mine = ++generation;
  const ending = new AbortController();
  let listening = false;
  for (polls = 0; mine === generation; ) {
    try {
      if (!document.hidden) await poll();
      if (mine !== generation) break;
      showTrouble(null);
      byId('login').hidden = true;
      byId('main').hidden = false;
      if (token !== '') sessionStorage.setItem(tokenKey, token);
      if (!listening) void listen(mine, ending.signal);
      listening = true;
    } catch (error) {
      if (error instanceof Refused && error.status === 401) askForToken(error);
      else showTrouble(error);
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  ending.abort();
}

byId('login').addEventListener('submit', (event) => {
  event.preventDefault();
  token = byId('token').value;
  byId('token').value = '';
  void run();
});

byId('filter').addEventListener('input', () => showConnections().catch(showTrouble));
byId('filter').addEventListener('submit', (event) => event.preventDefault());

byId('explain').addEventListener('submit', async (event) => {
  event.preventDefault();
  const given = Object.fromEntries([...new FormData(event.target)].filter(([, value]) => value !== ''));
  const place = byId('explanation');
  place.hidden = false;
  try {
    const answer = await ask('api/explain', { method: 'POST', body: { ...given, port: Number(given.port) } });
    place.textContent = (await answer.json()).text;
  } catch (error) {
    place.textContent = error.message;
  }
});

void run();
