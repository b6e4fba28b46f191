import { sameFormat, type TextFormat } from 'strangler-migrations/define';
import type { Difference } from './comparison.ts';
import { asRead } from './reading.ts';
import { compileRules } from './rules.ts';

/** How a difference could be accepted, and why it counts until then. */
export interface Suggestion {
  /** Why it counts, in a sentence. */
  readonly why: string;
  /** The narrowest rule that excuses it, as a declaration writes it; absent where nothing should. */
  readonly rule?: string;
}

const FORMATS: readonly TextFormat[] = ['timestamp', 'space', 'case'];
/** Beyond this two numbers are not close: a tolerance would excuse a fault. */
const CLOSE = 0.01;

/**
 * The rule that a person may paste into the route's declaration, with the reason left to her. Items of lists become `*`:
 * which of them differs is chance.
 */
export function suggestRule({ part, path, kind, control, candidate }: Difference): Suggestion {
  if (part === 'status') {
    return { why: 'Clients act by the status: no rule excuses it. Mend the service.' };
  }
  if (part === 'header') {
    return {
      why: `No rule of the route speaks of the header ${path}, and it is not one that proxies and clocks set.`,
      rule: `ignoreHeader(${quote(path)}, ${REASON})`,
    };
  }
  const place = path.replace(/\/\d+(?=\/|$)/g, '/*');
  const where = place === '' ? 'the body' : place;
  const counts = `No rule of the route speaks of ${where}`;
  if (kind === 'order') {
    return {
      why: `${counts}: both lists have the same items in another order, and clients may rely on the order.`,
      rule: `unordered(${quote(place)}, ${REASON})`,
    };
  }
  if (kind === 'value' && control !== undefined && candidate !== undefined) {
    const format = FORMATS.find((each) => saysTheSame(control, candidate, each));
    if (format !== undefined) {
      return {
        why: `${counts}: both texts say the same, written differently (${format}), and clients may read only one of them.`,
        rule: `sameFormat(${quote(place)}, ${quote(format)}, ${REASON})`,
      };
    }
    const gap = Math.abs(Number(control) - Number(candidate));
    if (isPlainNumber(control) && isPlainNumber(candidate) && gap <= CLOSE * Math.abs(Number(control))) {
      return {
        why: `${counts}: the numbers are close, and not equal.`,
        rule: `tolerance(${quote(place)}, ${roundUp(gap)}, ${REASON})`,
      };
    }
  }
  const says = {
    missing: 'the service leaves it out',
    extra: 'the monolith never had it',
    type: 'the types differ, which strict clients refuse',
    value: 'the values differ',
    length: 'the lists are of different lengths',
  }[kind];
  return { why: `${counts}: ${says}.`, rule: `ignore(${quote(place)}, ${REASON})` };
}

/** Where the person says why: an empty reason would be refused. */
const REASON = `'WHY'`;

function saysTheSame(control: string, candidate: string, format: TextFormat): boolean {
  const [left, right] = [textOf(control), textOf(candidate)];
  const rules = compileRules([sameFormat('', format, 'tried')]).body;
  return (
    left !== undefined && right !== undefined && asRead(left, rules, 'control') === asRead(right, rules, 'candidate')
  );
}

/** A shown value as the string that it shows; undefined for what is none, or was cut. */
function textOf(shown: string): string | undefined {
  try {
    const value: unknown = JSON.parse(shown);
    return typeof value === 'string' ? value : undefined;
  } catch {
    return undefined;
  }
}

function isPlainNumber(shown: string): boolean {
  return /^-?\d+(\.\d+)?$/.test(shown);
}

/** To one digit that counts, upwards: 0.0099999 is 0.01. */
function roundUp(gap: number): string {
  const step = 10 ** Math.floor(Math.log10(gap));
  const digits = Math.max(0, -Math.floor(Math.log10(gap)));
  return String(Number((Math.ceil(Number((gap / step).toFixed(6))) * step).toFixed(digits)));
}

function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
