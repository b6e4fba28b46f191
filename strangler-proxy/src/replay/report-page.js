// The end of the page's program: `h`, `count`, `percent` and `sampleView` stand before it, and so does `report`.
const outcomes = Object.entries(report.outcomes).filter(([, number]) => number > 0);

function term(name, ...content) {
  return h('div', {}, h('dt', {}, name), h('dd', {}, ...content));
}

document
  .querySelector('#report')
  .append(
    h('h1', {}, 'Replay of a recording'),
    h(
      'dl',
      { class: 'facts' },
      term('Control', report.control),
      term('Candidate', report.candidate),
      term('Requests', count(report.total), report.skipped > 0 ? `, ${count(report.skipped)} not sent` : ''),
      term('Outcomes', outcomes.map(([name, number]) => `${count(number)} ${name}`).join(', ')),
      term(
        'Parity',
        report.parity.value === null
          ? 'nothing compared'
          : `${percent(report.parity.value)} of ${count(report.parity.sample)} (${percent(report.parity.interval.low)} to ${percent(report.parity.interval.high)})`,
      ),
      term('Time', `${report.seconds} s`),
    ),
    h(
      'h2',
      {},
      report.differing === 0
        ? 'Nothing differs'
        : report.differing === 1
          ? 'One request differs'
          : `${count(report.differing)} requests differ`,
    ),
    report.shown.length < report.differing
      ? h('p', { class: 'muted' }, `The first ${count(report.shown.length)}:`)
      : '',
    ...report.shown.map(({ route, sample }) =>
      h(
        'details',
        { open: report.shown.length <= 3 },
        h('summary', {}, h('code', {}, route), ` ${sample.method} ${sample.target}`),
        sampleView(sample),
      ),
    ),
  );
