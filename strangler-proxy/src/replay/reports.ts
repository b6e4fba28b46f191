import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatComparison } from '../compare/format.ts';
import type { ReplayedRequest, ReplayReport } from './replay.ts';

/** Whether the sides differ where it counts, or one did not answer. */
export function isWanting({ outcomes }: Pick<ReplayReport, 'outcomes'>): boolean {
  return outcomes.mismatch + outcomes.error > 0;
}

/** Requests shown at length in a terminal; the others are counted. */
const shownMax = 10;

/** The report as lines for a terminal. */
export function textReport(report: ReplayReport, color: boolean): string {
  const { outcomes, parity } = report;
  const wrong = report.requests.filter(isWrong);
  const lines = [
    ...wrong
      .slice(0, shownMax)
      .flatMap(({ method, target, route, comparison }) => [
        `${method} ${target}  (${route})`,
        ...(comparison === null ? [] : [formatComparison(comparison, { color }), '']),
      ]),
    ...(wrong.length > shownMax ? [`and ${wrong.length - shownMax} more`, ''] : []),
    ...(report.groups.length > 0 ? ['What differs, the most frequent first:'] : []),
    ...report.groups
      .slice(0, shownMax)
      .map(({ route, places, count }) => `  ${String(count).padStart(6)}  ${route}  ${places.slice(0, 3).join(', ')}`),
    ...(report.groups.length > 0 ? [''] : []),
    `control    ${report.control}`,
    `candidate  ${report.candidate}`,
    `${report.requests.length} requests in ${report.seconds} s: ${Object.entries(outcomes)
      .filter(([, count]) => count > 0)
      .map(([outcome, count]) => `${count} ${outcome}`)
      .join(', ')}${report.skipped > 0 ? `, ${report.skipped} not sent` : ''}`,
  ];
  if (parity.value !== null && parity.interval !== null) {
    const { low, high } = parity.interval;
    lines.push(
      `parity ${percent(parity.value)} of ${parity.sample} (95 % interval ${percent(low)} to ${percent(high)})`,
    );
  }
  return lines.join('\n');
}

/** The report as one JSON object; the requests that differ are in it, the others are counted. */
export function jsonReport(report: ReplayReport): object {
  const { requests, ...rest } = report;
  return {
    ...rest,
    total: requests.length,
    differing: requests
      .filter(isWrong)
      .map(({ method, target, route, comparison }) => ({ method, target, route, ...comparison })),
  };
}

/** JUnit's XML, as CI servers read it: a suite for each route, a case for each request. */
export function junitReport(report: ReplayReport): string {
  const routes = Map.groupBy(report.requests, ({ route }) => route);
  const suites = [...routes].map(([route, requests]) => {
    const count = (outcome: string) => requests.filter(({ comparison }) => comparison?.outcome === outcome).length;
    const skipped = requests.filter(({ comparison }) => comparison === null).length;
    const head = `<testsuite name="${xml(route)}" tests="${requests.length}" failures="${count('mismatch')}" errors="${count('error')}" skipped="${skipped}">`;
    return [`  ${head}`, ...requests.map((request) => `    ${testCase(request)}`), '  </testsuite>'].join('\n');
  });
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="strangler replay" time="${report.seconds}">\n${suites.join('\n')}\n</testsuites>\n`;
}

function testCase({ method, target, route, comparison, skipped }: ReplayedRequest): string {
  const open = `<testcase classname="${xml(route)}" name="${xml(`${method} ${target}`)}"`;
  if (comparison === null) {
    return `${open}><skipped message="${xml(skipped ?? '')}"/></testcase>`;
  }
  if (comparison.outcome !== 'mismatch' && comparison.outcome !== 'error') {
    return `${open}/>`;
  }
  const [name, message] =
    comparison.outcome === 'error'
      ? ['error', comparison.error ?? '']
      : ['failure', `${comparison.differenceCount} differences`];
  return `${open}><${name} message="${xml(message)}">${xml(formatComparison(comparison))}</${name}></testcase>`;
}

/** Requests of which a page holds all: more would not be read, and not be loaded. */
const pageMax = 200;
const page = join(import.meta.dirname, '..', 'admin', 'page');

/** One self-contained page: the look and the views of the proxy's own pages, with the data inside. */
export function htmlReport(report: ReplayReport): string {
  const { requests, ...rest } = report;
  const wrong = requests.filter(isWrong);
  const content = {
    ...rest,
    total: requests.length,
    differing: wrong.length,
    shown: wrong.slice(0, pageMax).map(({ route, sample }) => ({ route, sample })),
  };
  // "</script" inside the data would end the script; a JSON string may hold the escape instead.
  const data = JSON.stringify(content).replaceAll('<', '\\u003c');
  const parts = ['dom.js', 'sample.js'].map((name) => asPart(readFileSync(join(page, name), 'utf8')));
  const script = [
    ...parts,
    `const report = ${data};`,
    readFileSync(join(import.meta.dirname, 'report-page.js'), 'utf8'),
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Replay: ${xml(percentOr(report))}</title>
<style>
${readFileSync(join(page, 'page.css'), 'utf8')}
</style>
</head>
<body>
<main id="report"></main>
<noscript>This page shows its findings by a program of its own; nothing is loaded from elsewhere.</noscript>
<script type="module">
${script.join('\n')}
</script>
</body>
</html>
`;
}

/** A module as a part of a larger one. */
function asPart(module: string): string {
  return module.replace(/^import .*$/gm, '').replace(/^export /gm, '');
}

function percentOr({ parity }: ReplayReport): string {
  return parity.value === null ? 'nothing compared' : `${percent(parity.value)} of ${parity.sample}`;
}

function isWrong({ comparison }: ReplayedRequest): boolean {
  return comparison?.outcome === 'mismatch' || comparison?.outcome === 'error';
}

/** Never rounded up to the whole. */
function percent(share: number): string {
  return `${Math.floor(share * 10_000) / 100} %`;
}

const XML_ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
/** XML 1.0 section 2.2 has no place for them. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for.
const NO_XML = /[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g;

function xml(text: string): string {
  return text.replace(NO_XML, '').replace(/[&<>"]/g, (character) => XML_ESCAPES[character]!);
}
