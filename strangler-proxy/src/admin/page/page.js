import { ago, count, h, milliseconds, percent, tick } from './dom.js';
import { groupList, keyOf, sampleView } from './sample.js';

const main = document.getElementById('main');
const live = document.getElementById('live');
const liveText = document.getElementById('live-text');
const refreshMs = 2000;
const stages = ['off', 'shadow', 'canary', 'live'];

let routes = [];
let groups = [];
let shown = '';
/** Which sample is drawn in `article`; undefined before one is. */
let reading;
let article;

/** `#/catalog/list/status%20value`: capability, route, and the places of the chosen group of samples. */
function place() {
  const [capability, route, group] = location.hash.replace(/^#\/?/, '').split('/').map(decodeURIComponent);
  return { capability: capability || undefined, route: route || undefined, group };
}

const linkTo = (...parts) => `#/${parts.map(encodeURIComponent).join('/')}`;

async function get(path) {
  const answer = await fetch(path, { headers: { Accept: 'application/json' } });
  if (answer.status === 401) {
    location.assign('/login');
  }
  if (!answer.ok) {
    throw new Error(`${path} answered ${answer.status}`);
  }
  return answer.json();
}

async function refresh() {
  const { capability, route } = place();
  try {
    const state = await get('/api/routes');
    routes = state.routes;
    const known = routes.some((one) => one.capability === capability && one.route === route);
    groups = known
      ? (await get(`/api/samples/${encodeURIComponent(capability)}/${encodeURIComponent(route)}`)).groups
      : [];
    say('good', 'live');
    tell([
      ...state.notices,
      ...state.shadow.circuits
        .filter((circuit) => circuit.state !== 'closed')
        .map(
          (circuit) => `${circuit.upstream} does not answer shadow requests; it is left alone and tried again soon.`,
        ),
    ]);
    draw();
  } catch (error) {
    say('bad', `not connected: ${error.message}`);
  }
}

function say(kind, text) {
  if (live.dataset.kind !== kind || liveText.textContent !== text) {
    live.dataset.kind = kind;
    liveText.textContent = text;
  }
}

function tell(notices) {
  const list = document.getElementById('notices');
  // Only when something has changed, as a screen reader reads it out.
  if (list.dataset.shown !== notices.join('\n')) {
    list.dataset.shown = notices.join('\n');
    list.replaceChildren(...notices.map((notice) => h('p', { class: 'notice' }, notice)));
  }
}

/** Draws what the address says, unless it is drawn already; keeps the focus where it was. */
function draw() {
  const { capability, route, group } = place();
  const chosen = routes.find((one) => one.capability === capability && one.route === route);
  const key = JSON.stringify([location.hash, chosen === undefined ? routes : [chosen, groups], reading]);
  tick();
  if (key === shown) {
    return;
  }
  shown = key;
  const active = document.activeElement;
  const focused = active?.getAttribute('data-key');
  const open = new Set([...main.querySelectorAll('details[open]')].map((details) => details.dataset.key));
  document.title = `${chosen === undefined ? 'Routes' : `${chosen.method} ${chosen.path}`} · strangler proxy`;
  main.replaceChildren(...(chosen === undefined ? overview() : routeView(chosen, group)));
  for (const details of main.querySelectorAll('details')) {
    details.open = open.has(details.dataset.key);
  }
  if (article?.isConnected && article.contains(active)) {
    active.focus({ preventScroll: true });
  } else if (focused) {
    main.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  }
}

function overview() {
  if (routes.length === 0) {
    return [
      h('h1', {}, 'Routes'),
      h('p', { class: 'empty' }, 'No migration declares a route yet. Everything goes to the monolith.'),
    ];
  }
  const capabilities = [...new Set(routes.map((route) => route.capability))];
  return [h('h1', {}, 'Routes'), ...capabilities.map(capabilityTable)];
}

const columns = ['Route', 'Stage', 'Owner', 'Requests', 'Parity', 'Latency p50 / p99', 'Mismatches'];

function capabilityTable(capability) {
  const own = routes.filter((route) => route.capability === capability);
  const [{ service }] = own;
  return h(
    'section',
    { 'aria-labelledby': `c-${capability}` },
    h(
      'div',
      { class: 'section-head' },
      h('h2', { id: `c-${capability}` }, capability),
      h(
        'p',
        { class: 'legend' },
        h('span', { class: 'swatch control' }),
        ' monolith ',
        h('span', { class: 'swatch candidate' }),
        ` ${service}`,
      ),
    ),
    h(
      'table',
      { class: 'routes' },
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          columns.map((column) => h('th', { scope: 'col' }, column)),
        ),
      ),
      h('tbody', {}, own.map(routeRow)),
    ),
  );
}

function routeRow(route) {
  const cells = [
    stageCell(route),
    ownerCell(route),
    requestsCell(route),
    parityCell(route),
    latencyCell(route),
    mismatchCell(route),
  ];
  return h(
    'tr',
    {},
    h(
      'th',
      { scope: 'row' },
      h(
        'a',
        {
          href: linkTo(route.capability, route.route),
          'data-key': `r-${route.capability}.${route.route}`,
          class: 'route',
        },
        h('span', { class: 'method', 'data-kind': route.kind }, route.method),
        h('span', { class: 'path' }, route.path),
      ),
      h('span', { class: 'id' }, `${route.capability}.${route.route}`),
    ),
    cells.map((cell, index) => h('td', { 'data-label': columns[index + 1] }, cell)),
  );
}

function stageCell(route) {
  if (route.kind === 'write') {
    return h('span', { class: 'muted' }, 'follows the owner');
  }
  const reached = stages.indexOf(route.stage);
  const share = route.stage === 'canary' ? route.share : route.stage === 'shadow' ? route.shadow_share : null;
  return h(
    'span',
    { class: 'stage', 'data-stage': route.stage },
    h(
      'span',
      { class: 'steps', 'aria-hidden': 'true' },
      stages.slice(1).map((_, index) => h('i', { class: index < reached && 'on' })),
    ),
    h('span', {}, route.stage, share === null ? undefined : h('small', {}, ` ${percent(share)}`)),
  );
}

function ownerCell(route) {
  return h(
    'span',
    { class: 'owner', 'data-side': route.owner },
    route.owner === 'service' ? route.service : 'monolith',
  );
}

function requestsCell({ requests, service }) {
  const total = requests.monolith + requests.service;
  if (total === 0) {
    return h('span', { class: 'muted' }, 'none yet');
  }
  return h(
    'div',
    { class: 'measure' },
    bar([
      ['control', requests.monolith],
      ['candidate', requests.service],
    ]),
    h(
      'span',
      { class: 'figures' },
      h('b', {}, count(requests.monolith)),
      ' monolith',
      h('br'),
      h('b', {}, count(requests.service)),
      ` ${service}`,
    ),
  );
}

function parityCell({ kind, parity, comparisons }) {
  if (kind === 'write') {
    return h('span', { class: 'muted' }, 'writes are not compared');
  }
  if (parity.value === null) {
    const excused = comparisons.ignored + comparisons.stale;
    return h('span', { class: 'muted' }, excused > 0 ? `${count(excused)} ignored, none counted` : 'not compared yet');
  }
  const { match, mismatch, error, ignored, stale } = comparisons;
  const rest = [
    [mismatch, mismatch === 1 ? 'mismatch' : 'mismatches'],
    [error, error === 1 ? 'error' : 'errors'],
    [stale, 'stale'],
    [ignored, 'ignored'],
  ].filter(([number]) => number > 0);
  return h(
    'div',
    { class: 'measure' },
    bar([
      ['match', match],
      ['mismatch', mismatch],
      ['error', error],
    ]),
    h(
      'span',
      { class: 'figures' },
      h('b', { class: parity.value === 1 ? 'good' : 'bad' }, percent(parity.value)),
      ` of ${count(parity.sample)}`,
      h('small', { title: 'The 95 % confidence interval (Wilson)' }, ` ${range(parity.interval)}`),
      rest.length > 0 && h('br'),
      rest.map(([number, word], index) => `${index === 0 ? '' : ', '}${count(number)} ${word}`),
    ),
  );
}

function range({ low, high }) {
  return `(${percent(low)} to ${percent(high)})`;
}

/** A bar of parts; what it shows stands beside it in figures. */
function bar(parts) {
  const total = parts.reduce((sum, [, number]) => sum + number, 0);
  const width = 100;
  let x = 0;
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('viewBox', `0 0 ${width} 6`);
  svg.setAttribute('preserveAspectRatio', 'none');
  svg.setAttribute('class', 'bar');
  svg.setAttribute('aria-hidden', 'true');
  for (const [kind, number] of parts) {
    if (number > 0) {
      // A few of many still have to be seen.
      const share = Math.max((number / total) * width, 1.5);
      const rect = document.createElementNS('http://www.w3.org/2000/svg', 'rect');
      rect.setAttribute('x', String(Math.min(x, width - share)));
      rect.setAttribute('width', String(share));
      rect.setAttribute('height', '6');
      rect.setAttribute('class', kind);
      svg.append(rect);
      x += share;
    }
  }
  return svg;
}

function latencyCell({ latency }) {
  if (latency.candidate.sample === 0) {
    return h('span', { class: 'muted' }, '–');
  }
  const line = (side, values) =>
    h(
      'span',
      {},
      h('span', { class: `swatch ${side}` }),
      h('span', { class: 'sr' }, side),
      ` ${milliseconds(values.p50_ms)} / ${milliseconds(values.p99_ms)}`,
    );
  return h('span', { class: 'figures lines' }, line('control', latency.control), line('candidate', latency.candidate));
}

function mismatchCell(route) {
  const [newest] = route.mismatch_groups;
  if (newest === undefined) {
    return h('span', { class: 'muted' }, route.comparisons.match > 0 ? 'none kept' : '–');
  }
  const more = route.mismatch_groups.length - 1;
  return h(
    'a',
    {
      href: linkTo(route.capability, route.route),
      class: 'mismatch',
      'data-key': `m-${route.capability}.${route.route}`,
    },
    h('code', {}, newest.places[0]),
    h('small', {}, [
      newest.places.length > 1 && `and ${newest.places.length - 1} more places, `,
      more > 0 && `${more} more ${more === 1 ? 'group' : 'groups'}, `,
      ago(newest.last_at),
    ]),
  );
}

function routeView(route, chosenKey) {
  const group = groups.find((one) => keyOf(one) === (chosenKey ?? reading?.key)) ?? groups[0];
  const skipped = Object.entries(route.skipped);
  return [
    h('p', { class: 'crumbs' }, h('a', { href: '#/', 'data-key': 'back' }, '← All routes')),
    h('h1', { class: 'path' }, h('span', { class: 'method', 'data-kind': route.kind }, route.method), ` ${route.path}`),
    h(
      'dl',
      { class: 'facts' },
      fact('Route', h('code', {}, `${route.capability}.${route.route}`)),
      fact('Stage', stageCell(route)),
      fact('Owner', ownerCell(route)),
      fact('Requests', requestsCell(route)),
      fact('Parity', parityCell(route)),
      fact('Latency p50 / p99', latencyCell(route)),
      skipped.length > 0 &&
        fact(
          'Not compared',
          h(
            'span',
            { class: 'figures lines' },
            skipped.map(([cause, number]) =>
              h('span', {}, h('b', {}, count(number)), ` ${cause.replaceAll('_', ' ')}`),
            ),
          ),
        ),
    ),
    ...(route.rules.length > 0 ? [h('h2', {}, 'What may differ'), rulesTable(route.rules)] : []),
    ...(route.noise.length > 0
      ? [h('h2', {}, 'Where the control disagrees with itself'), noiseTable(route.noise)]
      : []),
    h('h2', {}, 'Mismatches'),
    ...(group === undefined
      ? [
          h(
            'p',
            { class: 'empty' },
            route.comparisons.match > 0
              ? 'Nothing has differed lately.'
              : 'Nothing was compared yet: turn on the shadow flag of this route and send it some requests.',
          ),
        ]
      : [
          h(
            'div',
            { class: 'split' },
            groupList(groups, group, (one) => linkTo(route.capability, route.route, keyOf(one))),
            sampleOf(route, group),
          ),
        ]),
  ];
}

/** The route's rules: what each is good for, and which should go. */
function rulesTable(rules) {
  const state = ({ uses, expired, dead }) =>
    expired
      ? h('b', { class: 'bad' }, 'expired: it counts again')
      : dead
        ? h('b', { class: 'warn' }, 'never needed: delete it?')
        : `${count(uses)} ${uses === 1 ? 'time' : 'times'}`;
  const table = h(
    'table',
    { class: 'differences' },
    h(
      'thead',
      {},
      h(
        'tr',
        {},
        ['Rule', 'Why', 'Owner', 'Until', 'Needed'].map((name) => h('th', { scope: 'col' }, name)),
      ),
    ),
    h(
      'tbody',
      {},
      rules.map((rule) =>
        h(
          'tr',
          {},
          h('td', {}, h('code', {}, rule.rule)),
          h('td', {}, rule.reason),
          h('td', {}, rule.owner ?? '–'),
          h('td', {}, rule.until ?? '–'),
          h('td', {}, state(rule)),
        ),
      ),
    ),
  );
  return h('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'What may differ' }, table);
}

/** Both rates of each place, and what follows from them. */
function noiseTable(noise) {
  const rate = ({ differed, sample }) => (sample === 0 ? '–' : `${percent(differed / sample)} of ${count(sample)}`);
  const table = h(
    'table',
    { class: 'differences' },
    h(
      'thead',
      {},
      h(
        'tr',
        {},
        ['Place', 'Control and itself', 'Both sides', ''].map((name) => h('th', { scope: 'col' }, name)),
      ),
    ),
    h(
      'tbody',
      {},
      noise.map(({ place, control, sides, is_noise: isNoise }) =>
        h(
          'tr',
          { class: isNoise && 'muted' },
          h('td', {}, h('code', {}, place)),
          h('td', {}, rate(control)),
          h('td', {}, rate(sides)),
          h('td', {}, isNoise ? 'noise: not counted' : 'counts: the sides differ more often'),
        ),
      ),
    ),
  );
  return h(
    'div',
    { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Where the control disagrees with itself' },
    table,
  );
}

/** The sample that is being read stays while newer ones come: nobody reads a page that changes under them. */
function sampleOf({ capability, route }, group) {
  const key = keyOf(group);
  const [newest] = group.samples;
  if (reading?.key !== key || reading.route !== `${capability}.${route}`) {
    reading = { key, route: `${capability}.${route}`, at: newest.at };
    article = sampleView(newest);
  }
  const showNewest = () => {
    reading = undefined;
    draw();
  };
  return h(
    'div',
    {},
    newest.at !== reading.at &&
      h(
        'button',
        { type: 'button', class: 'newer', 'data-key': 'newer', onclick: showNewest },
        'Show the newest sample',
      ),
    article,
  );
}

function fact(name, value) {
  return h('div', {}, h('dt', {}, name), h('dd', {}, value));
}

addEventListener('hashchange', async () => {
  main.focus({ preventScroll: true });
  const { group } = place();
  if (group === undefined) {
    reading = undefined;
    scrollTo(0, 0);
  }
  await refresh();
});

async function loop() {
  if (!document.hidden) {
    await refresh();
  }
  setTimeout(loop, refreshMs);
}

document.addEventListener('visibilitychange', () => {
  if (!document.hidden) {
    refresh();
  }
});
loop();
