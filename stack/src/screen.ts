import type { WriteStream } from 'node:tty';
import { stripVTControlCharacters, styleText } from 'node:util';
import type { Part } from './part.ts';
import type { PartEvent } from './supervise.ts';

/** Tells a person what happens: a table that is redrawn on a terminal, plain lines anywhere else. */
export interface Screen {
  event(event: PartEvent): void;
  /** A line that a part printed. */
  line(part: Part, line: string): void;
  /** Something to say beside the table. */
  say(text: string): void;
  /** The table is final; what comes after is said line by line. */
  settle(): void;
}

export interface ScreenOptions {
  readonly stream: NodeJS.WriteStream;
  readonly parts: readonly Part[];
  /** Print every part's output, with its name in front. */
  readonly verbose: boolean;
}

type Colour = 'green' | 'red' | 'yellow' | 'dim' | 'bold' | 'cyan';

/** Colours for one stream: none when it is no terminal, or NO_COLOR is set. */
export function colours(stream: NodeJS.WriteStream): (colour: Colour, text: string) => string {
  return (colour, text) => styleText(colour, text, { stream });
}

const FRAME_MS = 100;
const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

interface Row {
  readonly part: Part;
  state: 'waiting' | 'starting' | 'ready' | 'again';
  since: number;
  seconds: number;
}

/** Opens the screen that suits the stream. */
export function openScreen(options: ScreenOptions): Screen {
  // A closed pipe at the other end is no reason to stop the system.
  options.stream.on('error', () => {});
  const live = options.stream.isTTY && !options.verbose && process.env.TERM !== 'dumb';
  return live ? openTable(options) : openLines(options);
}

function openLines({ stream, parts, verbose }: ScreenOptions): Screen {
  const colour = colours(stream);
  const width = nameWidth(parts);
  const print = (text: string) => stream.write(`${text}\n`);
  return {
    event(event) {
      const text = sentence(event, colour);
      if (text !== undefined) print(`${event.part.name.padEnd(width)}  ${text}`);
    },
    line(part, line) {
      if (verbose) print(`${colour('dim', `${part.name.padEnd(width)} |`)} ${line}`);
    },
    say: print,
    settle() {},
  };
}

function openTable(options: ScreenOptions): Screen {
  const { stream, parts } = options;
  const colour = colours(stream);
  const lines = openLines(options);
  const rows = new Map<string, Row>(
    parts.map((part) => [part.name, { part, state: 'waiting', since: performance.now(), seconds: 0 }]),
  );
  let drawn = 0;
  let settled = false;
  let frame = 0;

  const draw = () => {
    const names = nameWidth(parts);
    const texts = [...rows.values()].map((row) =>
      fit(rowText(row, rows, names, FRAMES[frame % FRAMES.length] ?? '', colour), stream),
    );
    stream.write(`${erase(drawn)}${texts.join('\n')}\n`);
    drawn = texts.length;
  };
  const above = (text: string) => {
    stream.write(`${erase(drawn)}${text}\n`);
    drawn = 0;
    draw();
  };
  draw();
  const timer = setInterval(() => {
    frame += 1;
    draw();
  }, FRAME_MS);
  timer.unref();

  return {
    event(event) {
      if (settled) return lines.event(event);
      const row = rows.get(event.part.name);
      if (!row) return;
      if (event.what === 'starting')
        Object.assign(row, { state: row.state === 'again' ? 'again' : 'starting', since: performance.now() });
      else if (event.what === 'ready') Object.assign(row, { state: 'ready', seconds: event.seconds });
      else {
        if (event.what === 'died') row.state = 'again';
        const text = sentence(event, colour);
        if (text !== undefined) above(`  ${event.part.name}: ${text}`);
      }
      draw();
    },
    line: lines.line,
    say: (text) => (settled ? lines.say(text) : above(text)),
    settle() {
      if (settled) return;
      clearInterval(timer);
      draw();
      settled = true;
    },
  };
}

function rowText(
  { part, state, since, seconds }: Row,
  rows: ReadonlyMap<string, Row>,
  names: number,
  spinner: string,
  colour: (colour: Colour, text: string) => string,
): string {
  const name = part.name.padEnd(names);
  const about = colour('dim', part.about);
  const running = () => duration((performance.now() - since) / 1_000);
  switch (state) {
    case 'ready':
      return `  ${colour('green', '✔')} ${name}  ${part.kind === 'task' ? 'done    ' : 'ready   '}  ${duration(seconds)}  ${about}`;
    case 'starting':
      return `  ${colour('cyan', spinner)} ${name}  starting  ${running()}  ${about}`;
    case 'again':
      return `  ${colour('yellow', '!')} ${name}  retrying  ${running()}  ${about}`;
    case 'waiting': {
      const missing = part.needs.filter((need) => rows.get(need)?.state !== 'ready');
      return colour('dim', `  · ${name}  waiting${missing.length > 0 ? ` for ${missing.join(' and ')}` : ''}`);
    }
  }
}

function sentence(event: PartEvent, colour: (colour: Colour, text: string) => string): string | undefined {
  switch (event.what) {
    case 'starting':
      return undefined;
    case 'ready':
      if (event.again) return colour('green', `back after ${event.seconds.toFixed(1)} s`);
      return `${colour('green', event.part.kind === 'task' ? 'done ' : 'ready')} ${duration(event.seconds)}  ${event.part.about}`;
    case 'died':
      return colour('red', `ended (${event.why}), starting it again in ${event.againIn} s`);
    case 'late':
      return colour('yellow', `not ready after ${event.seconds.toFixed(0)} s, still trying`);
    case 'stopping':
      return undefined;
    case 'killed':
      return colour('red', `did not stop within ${event.withinMs / 1_000} s, killed`);
    case 'stopped':
      return `stopped ${duration(event.seconds)}`;
  }
}

function duration(seconds: number): string {
  return `${seconds.toFixed(1).padStart(4)} s`;
}

function nameWidth(parts: readonly Part[]): number {
  return Math.max(...parts.map(({ name }) => name.length));
}

/** Cuts what does not fit, as a wrapped line would spoil the redrawing; colours go with it. */
function fit(text: string, stream: NodeJS.WriteStream): string {
  const columns = (stream as WriteStream).columns || 80;
  const plain = stripVTControlCharacters(text);
  return plain.length < columns ? text : plain.slice(0, columns - 1);
}

function erase(lines: number): string {
  return lines === 0 ? '' : `\x1b[${lines}A\x1b[0J`;
}
