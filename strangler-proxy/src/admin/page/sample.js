import { ago, count, h, milliseconds } from './dom.js';

const kinds = {
  missing: 'missing from the candidate',
  extra: 'only in the candidate',
  type: 'another type',
  value: 'differs',
  order: 'another order',
  length: 'another length',
};

/** What a group is known by, in links too: the places in which its answers differ. */
export function keyOf(group) {
  return group.places.join('\n');
}

/** Groups of mismatches, each with the places in which its answers differ. */
export function groupList(groups, chosen, link) {
  return h(
    'nav',
    { class: 'groups', 'aria-label': 'Groups of mismatches' },
    groups.map((group) =>
      h(
        'a',
        { href: link(group), 'aria-current': group === chosen && 'true', 'data-key': `g-${keyOf(group)}` },
        h(
          'span',
          { class: 'places' },
          group.places.slice(0, 4).map((place) => h('code', {}, place)),
        ),
        group.places.length > 4 && h('small', {}, `and ${group.places.length - 4} more places`),
        h('small', {}, h('b', {}, `${count(group.count)}×`), ' · ', ago(group.lastAt)),
      ),
    ),
  );
}

/** One sample of a group. */
export function sampleView(sample) {
  const { comparison, control, candidate } = sample;
  return h(
    'article',
    { class: 'sample' },
    h(
      'header',
      {},
      h('h3', {}, h('span', { class: 'method' }, sample.method), ' ', h('span', { class: 'path' }, sample.target)),
      h('p', {}, ago(sample.at), '; secrets and personal data are hidden'),
    ),
    comparison.error !== undefined && h('p', { class: 'error' }, comparison.error),
    comparison.differences.length > 0 && differenceTable(comparison),
    sample.suggestions.length > 0 && acceptList(sample.suggestions),
    sample.body !== undefined && sample.body.rows.length > 0 && bodyTable(sample),
    headerTable('Answer headers', 'answer', control.headers, candidate.headers, comparison, sides(sample)),
    headerTable('Request headers', 'request', sample.headers),
  );
}

function sides({ control, candidate }) {
  const side = (role, { upstream, status, milliseconds: took }) => [
    h('span', { class: `swatch ${role}` }),
    h('b', {}, role),
    ` ${upstream} `,
    h('span', { class: 'status' }, status === null ? 'no answer' : String(status)),
    took === null ? '' : ` in ${milliseconds(took)}`,
  ];
  return [side('control', control), side('candidate', candidate)];
}

function differenceTable({ differences, differenceCount, ignored, ignoredCount }) {
  const more = differenceCount - differences.length;
  return h(
    'section',
    {},
    h(
      'h4',
      {},
      `${count(differenceCount)} ${differenceCount === 1 ? 'difference' : 'differences'}`,
      ignoredCount > 0 && h('small', {}, ` and ${count(ignoredCount)} ignored by rule`),
    ),
    h(
      'div',
      { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Differences' },
      h(
        'table',
        { class: 'differences' },
        h(
          'thead',
          {},
          h(
            'tr',
            {},
            ['Place', 'How', 'Control', 'Candidate'].map((name) => h('th', { scope: 'col' }, name)),
          ),
        ),
        h(
          'tbody',
          {},
          differences.map((difference) => differenceRow(difference)),
          ignored.map((difference) => differenceRow(difference)),
        ),
      ),
    ),
    more > 0 && h('p', { class: 'muted' }, `and ${count(more)} more`),
  );
}

/** Why each place counts, and the rule by which a person may accept it. */
function acceptList(suggestions) {
  return h(
    'details',
    { 'data-key': 'accept' },
    h('summary', {}, 'Why does this count, and how to accept it'),
    h(
      'dl',
      { class: 'accept' },
      suggestions.map(({ place, why, rule }) => [
        h('dt', {}, h('code', {}, place)),
        h('dd', {}, h('p', {}, why), rule !== undefined && ruleToPaste(rule)),
      ]),
    ),
    h(
      'p',
      { class: 'muted' },
      'A rule goes into the list compare of the route in its migration.ts. Say why instead of WHY: whoever reads a report has to trust it.',
    ),
  );
}

function ruleToPaste(rule) {
  const button = h(
    'button',
    {
      type: 'button',
      onclick: async () => {
        await navigator.clipboard.writeText(rule);
        button.textContent = 'Copied';
      },
    },
    'Copy',
  );
  return h('p', { class: 'rule' }, h('code', {}, rule), ' ', button);
}

function differenceRow({ part, path, kind, control, candidate, reason }) {
  const isIgnored = reason !== undefined;
  return h(
    'tr',
    { class: isIgnored && 'muted' },
    h('th', { scope: 'row' }, h('code', {}, `${part}${path === '' ? '' : ` ${path}`}`)),
    h('td', {}, isIgnored ? [h('i', {}, 'ignored: '), reason] : kinds[kind]),
    h('td', { 'data-label': 'control' }, value(control, !isIgnored && 'removed')),
    h('td', { 'data-label': 'candidate' }, value(candidate, !isIgnored && 'added')),
  );
}

function value(text, kind) {
  return text === undefined ? h('span', { class: 'muted' }, '–') : h('code', { class: kind }, text);
}

const context = 3;

/** Both bodies beside each other; long stretches that are equal are folded. */
function bodyTable(sample) {
  const { rows, more } = sample.body;
  const near = new Set();
  rows.forEach(({ kind }, index) => {
    for (let other = index - context; kind !== 'same' && other <= index + context; other++) {
      near.add(other);
    }
  });
  const body = h('tbody');
  let folded = [];
  const unfold = () => {
    if (folded.length > 0) {
      body.append(foldRow(folded));
      folded = [];
    }
  };
  rows.forEach((row, index) => {
    if (near.has(index)) {
      unfold();
      body.append(bodyRow(row));
    } else {
      folded.push(row);
    }
  });
  unfold();
  const [control, candidate] = sides(sample);
  return h(
    'section',
    {},
    h('h4', {}, 'Bodies'),
    h(
      'div',
      { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Both bodies side by side' },
      h(
        'table',
        { class: 'bodies' },
        h(
          'thead',
          {},
          h(
            'tr',
            {},
            h('th', { scope: 'col' }, control),
            h('th', { scope: 'col', class: 'mark' }, h('span', { class: 'sr' }, 'how')),
            h('th', { scope: 'col' }, candidate),
          ),
        ),
        body,
      ),
    ),
    more > 0 && h('p', { class: 'muted' }, `and ${count(more)} more lines`),
  );
}

const marks = {
  same: ['', ''],
  changed: ['≠', 'changed'],
  missing: ['−', 'missing from the candidate'],
  extra: ['+', 'only in the candidate'],
  ignored: ['~', 'ignored'],
};

function bodyRow({ kind, control, candidate, reason }) {
  const [mark, word] = marks[kind];
  const [left, right] =
    kind === 'changed' ? marked(control, candidate) : [control, kind === 'same' ? control : candidate];
  return h(
    'tr',
    { class: kind, title: reason },
    h('td', {}, left),
    h(
      'td',
      { class: 'mark' },
      h('span', { 'aria-hidden': 'true' }, mark),
      word !== '' && h('span', { class: 'sr' }, reason === undefined ? word : `${word}: ${reason}`),
    ),
    h('td', {}, right),
  );
}

/** Two lines with the stretch marked in which they differ. */
function marked(control, candidate) {
  if (control === undefined || candidate === undefined) {
    return [control, candidate];
  }
  const shorter = Math.min(control.length, candidate.length);
  let head = 0;
  while (head < shorter && control[head] === candidate[head]) {
    head++;
  }
  let tail = 0;
  while (tail < shorter - head && control.at(-1 - tail) === candidate.at(-1 - tail)) {
    tail++;
  }
  const parts = (text) => [
    text.slice(0, head),
    h('mark', {}, text.slice(head, text.length - tail)),
    text.slice(text.length - tail),
  ];
  return [parts(control), parts(candidate)];
}

function foldRow(rows) {
  if (rows.length <= 2) {
    const fragment = document.createDocumentFragment();
    fragment.append(...rows.map(bodyRow));
    return fragment;
  }
  const row = h('tr', { class: 'fold' });
  const button = h(
    'button',
    { type: 'button', onclick: () => row.replaceWith(...rows.map(bodyRow)) },
    `${count(rows.length)} equal lines`,
  );
  row.append(h('td', { colspan: '3', class: 'folded' }, button));
  return row;
}

function headerTable(title, key, control, candidate, comparison, heads) {
  const names = [...new Set([...control, ...(candidate ?? [])].map(([name]) => name.toLowerCase()))];
  const differing = new Set(
    (comparison?.differences ?? []).filter(({ part }) => part === 'header').map(({ path }) => path),
  );
  const headerValue = (list, name) =>
    list
      .filter(([one]) => one.toLowerCase() === name)
      .map(([, text]) => text)
      .join(' | ');
  if (names.length === 0) {
    return undefined;
  }
  return h(
    'details',
    { 'data-key': key },
    h('summary', {}, title, h('small', {}, ` ${names.length}`)),
    h(
      'div',
      { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': title },
      h(
        'table',
        { class: 'differences' },
        h(
          'thead',
          {},
          h(
            'tr',
            {},
            h('th', { scope: 'col' }, 'Name'),
            (heads ?? ['Value']).map((head) => h('th', { scope: 'col' }, head)),
          ),
        ),
        h(
          'tbody',
          {},
          names.map((name) =>
            h(
              'tr',
              {},
              h('th', { scope: 'row' }, h('code', {}, name)),
              h(
                'td',
                { 'data-label': candidate !== undefined && 'control' },
                h('code', { class: differing.has(name) && 'removed' }, headerValue(control, name)),
              ),
              candidate !== undefined &&
                h(
                  'td',
                  { 'data-label': 'candidate' },
                  h('code', { class: differing.has(name) && 'added' }, headerValue(candidate, name)),
                ),
            ),
          ),
        ),
      ),
    ),
  );
}
