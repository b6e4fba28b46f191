import { styleText } from 'node:util';

/** Where a command's output goes. */
export interface Terminal {
  /** Data: standard output. */
  print(text: string): void;
  /** Talk: standard error. */
  talk(text: string): void;
  /** Standard output is a terminal, so that a table can be drawn anew in its place. */
  readonly interactive: boolean;
  paint(style: Style, text: string): string;
}

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

/** The process's own terminal. Colours only where one looks at them, and not with NO_COLOR (https://no-color.org). */
export function processTerminal(): Terminal {
  const { stdout, stderr } = process;
  return {
    print: (text) => void stdout.write(`${text}\n`),
    talk: (text) => void stderr.write(`${text}\n`),
    interactive: stdout.isTTY === true,
    paint: (style, text) => styleText(style, text, { stream: stdout, validateStream: true }),
  };
}
