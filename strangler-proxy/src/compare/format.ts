import { type Comparison, type Difference, placeOf } from './comparison.ts';

/** What {@link formatComparison} takes. */
export interface FormatOptions {
  /** Whether to colour by ANSI escapes. The caller decides, and honours NO_COLOR; no colour is the default. */
  readonly color?: boolean;
  /** Columns that a line may take; 100 by default. */
  readonly columns?: number;
  /** Differences shown; 20 by default, the rest is counted. */
  readonly differences?: number;
}

/** A comparison as lines that a person reads in a terminal: what was found, and each difference with both values. */
export function formatComparison(comparison: Comparison, options: FormatOptions = {}): string {
  const { columns = 100, differences: shown = 20 } = options;
  const paint = painter(options.color ?? false);
  const { outcome, differences, differenceCount, ignored, ignoredCount, error } = comparison;
  const counts = [
    ...(differenceCount > 0 ? [plural(differenceCount, 'difference')] : []),
    ...(ignoredCount > 0 ? [`${ignoredCount} ignored by rule`] : []),
  ];
  const colour = outcome === 'mismatch' || outcome === 'error' ? 'red' : outcome === 'match' ? 'green' : 'yellow';
  const lines = [paint(colour, outcome) + (counts.length > 0 ? `: ${counts.join(', ')}` : '')];
  if (error !== undefined) {
    lines.push(...wrap(`  ${error}`, columns));
  }
  for (const difference of differences.slice(0, shown)) {
    lines.push('', ...formatDifference(difference, columns, paint));
  }
  const more = differenceCount - Math.min(shown, differences.length);
  if (more > 0) {
    lines.push('', `  and ${more} more`);
  }
  if (ignored.length > 0) {
    lines.push('', paint('dim', '  ignored'));
    for (const difference of ignored.slice(0, shown)) {
      const line = `    ${placeOf(difference)}: ${describe[difference.kind]} (${difference.reason})`;
      lines.push(paint('dim', clip(line, columns)));
    }
    if (ignoredCount > Math.min(shown, ignored.length)) {
      lines.push(paint('dim', `    and ${ignoredCount - Math.min(shown, ignored.length)} more`));
    }
  }
  return lines.join('\n');
}

const describe: Readonly<Record<Difference['kind'], string>> = {
  missing: 'missing from the candidate',
  extra: 'only in the candidate',
  type: 'of another type',
  value: 'differs',
  order: 'in another order',
  length: 'of another length',
};

function formatDifference(difference: Difference, columns: number, paint: Paint): readonly string[] {
  const lines = [clip(`  ${placeOf(difference)}`, columns - 30)];
  lines[0] = `${paint('bold', lines[0]!)} ${describe[difference.kind]}`;
  if (difference.control !== undefined) {
    lines.push(paint('red', clip(`    - control    ${difference.control}`, columns)));
  }
  if (difference.candidate !== undefined) {
    lines.push(paint('green', clip(`    + candidate  ${difference.candidate}`, columns)));
  }
  return lines;
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

type Paint = (style: keyof typeof styles, text: string) => string;

const styles = { bold: [1, 22], dim: [2, 22], red: [31, 39], green: [32, 39], yellow: [33, 39] } as const;

function painter(color: boolean): Paint {
  return (style, text) => (color ? `\u001b[${styles[style][0]}m${text}\u001b[${styles[style][1]}m` : text);
}

/** Cut to a number of columns, with an ellipsis in the last. */
function clip(text: string, columns: number): string {
  let width = 0;
  let kept = '';
  for (const character of text) {
    width += widthOf(character);
    if (width > columns - 1) {
      return width === columns && kept + character === text ? text : `${kept}…`;
    }
    kept += character;
  }
  return kept;
}

const wide =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u;

function widthOf(character: string): number {
  return /\p{Mark}/u.test(character) ? 0 : wide.test(character) ? 2 : 1;
}

function wrap(text: string, columns: number): readonly string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > columns) {
      lines.push(last === undefined ? word : `  ${word}`);
    } else {
      lines[lines.length - 1] = `${last} ${word}`;
    }
  }
  return lines;
}
