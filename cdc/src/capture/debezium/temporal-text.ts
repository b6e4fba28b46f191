/** A date of ISO 8601 as Java writes it: years beyond 9999 with a sign, year 0 is 1 BC. */
const DATE = '([+-]?\\d{4,9})-(\\d{2})-(\\d{2})';
const TIME = '(\\d{2}:\\d{2}(?::\\d{2})?)(?:\\.(\\d{1,9}))?';

const WHOLE_DATE = new RegExp(`^${DATE}Z$`);
const WHOLE_TIME = new RegExp(`^${TIME}Z$`);
const WHOLE_MOMENT = new RegExp(`^${DATE}T${TIME}Z$`);

/**
 * What becomes of infinity on its way through the driver and Java's calendar. That of a timestamp of the future is a moment
 * which PostgreSQL knows too, some 292,000 years from now; the others lie beyond what it can hold.
 */
const INFINITE: Readonly<Record<string, string>> = {
  infinity: 'infinity',
  '-infinity': '-infinity',
  '+294247-01-10T04:00:25.2Z': 'infinity',
  '-290308-12-21T19:59:27.6Z': '-infinity',
  '-5877611-06-22Z': '-infinity',
  '-5877611-06-21Z': 'infinity',
};

/** A `date` as PostgreSQL writes it. */
export function dateText(value: string): string {
  const infinite = INFINITE[value];
  if (infinite) return infinite;
  const parts = matched(WHOLE_DATE, value, 'date');
  const { text, era } = day(parts[1]!, parts[2]!, parts[3]!);
  return text + era;
}

/** A `time` as PostgreSQL writes it. */
export function timeText(value: string): string {
  const parts = matched(WHOLE_TIME, value, 'time');
  return clock(parts[1]!, parts[2]);
}

/** A `timestamp`, or with `zone` a `timestamp with time zone` in UTC, as PostgreSQL writes it. */
export function momentText(value: string, zone: '' | '+00'): string {
  const infinite = INFINITE[value];
  if (infinite) return infinite;
  const parts = matched(WHOLE_MOMENT, value, 'timestamp');
  const { text, era } = day(parts[1]!, parts[2]!, parts[3]!);
  return `${text} ${clock(parts[4]!, parts[5])}${zone}${era}`;
}

function day(year: string, month: string, dayOfMonth: string): { text: string; era: string } {
  const number = Number(year);
  const shown = number > 0 ? number : 1 - number;
  return { text: `${String(shown).padStart(4, '0')}-${month}-${dayOfMonth}`, era: number > 0 ? '' : ' BC' };
}

function clock(time: string, fraction: string | undefined): string {
  const digits = fraction?.replace(/0+$/, '') ?? '';
  return `${time.length === 5 ? `${time}:00` : time}${digits === '' ? '' : `.${digits}`}`;
}

const INTERVAL = /^P(-?\d+)Y(-?\d+)M(-?\d+)DT(-?\d+)H(-?\d+)M(-?\d+(?:\.\d+)?)S$/;

/** An `interval` as PostgreSQL writes it in the style `postgres`: `1 year -2 mons +3 days -04:05:06.7`. */
export function intervalText(value: string): string {
  const parts = matched(INTERVAL, value, 'interval');
  let text = '';
  let negative = false;
  for (const [index, unit] of ['year', 'mon', 'day'].entries()) {
    const number = Number(parts[index + 1]);
    if (number === 0) continue;
    text += `${text === '' ? '' : ' '}${negative && number > 0 ? '+' : ''}${number} ${unit}${number === 1 ? '' : 's'}`;
    negative = number < 0;
  }
  const [hours, minutes, seconds] = [parts[4]!, parts[5]!, parts[6]!];
  const [whole, fraction] = seconds.replace('-', '').split('.');
  const digits = fraction?.replace(/0+$/, '') ?? '';
  const none = Number(hours) === 0 && Number(minutes) === 0 && Number(seconds) === 0;
  if (none && text !== '') return text;
  const before = [hours, minutes, seconds].some((each) => each.startsWith('-') && Number(each) !== 0);
  const two = (number: string) => number.replace('-', '').padStart(2, '0');
  const sign = before ? '-' : negative && text !== '' ? '+' : '';
  return `${text}${text === '' ? '' : ' '}${sign}${two(hours)}:${two(minutes)}:${two(whole!)}${digits === '' ? '' : `.${digits}`}`;
}

function matched(pattern: RegExp, value: string, what: string): RegExpExecArray {
  const parts = pattern.exec(value);
  if (!parts) throw new Error(`Debezium's form of a ${what} was expected, not ${JSON.stringify(value)}`);
  return parts;
}
