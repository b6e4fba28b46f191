import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';

/** One command of a document and what it says that the command prints. */
export interface DocumentedCommand {
  /** Line number in the document. */
  readonly line: number;
  readonly command: string;
  /** Expected lines; `…` inside a line stands for any text, a line of `…` alone for any lines. */
  readonly output: readonly string[];
}

/** The commands of all ` ```console ` blocks of a Markdown document, in order. A command goes on after a trailing `\`. */
export async function documentedCommands(path: string): Promise<DocumentedCommand[]> {
  const commands: { line: number; command: string; output: string[] }[] = [];
  let inside = false;
  let unfinished = false;
  const lines = (await readFile(path, 'utf8')).split('\n');
  for (const [index, line] of lines.entries()) {
    const current = commands.at(-1);
    if (line.startsWith('```')) {
      if (inside && current?.output.at(-1) === '') current.output.pop();
      inside = line === '```console';
    } else if (inside && unfinished && current) {
      current.command += `\n${line}`;
    } else if (inside && line.startsWith('$ ')) {
      commands.push({ line: index + 1, command: line.slice(2), output: [] });
    } else if (inside && current) {
      current.output.push(line);
    }
    unfinished = inside && line.endsWith('\\');
  }
  return commands;
}

/** Runs a command in a shell; what it printed is standard output and standard error as a terminal interleaves them. */
export async function runInShell(
  command: string,
  cwd: string,
  env: NodeJS.ProcessEnv,
): Promise<{ readonly printed: string; readonly status: number | null }> {
  const shell = spawn('bash', ['-c', `exec 2>&1\n${command}`], { cwd, env, stdio: ['ignore', 'pipe', 'ignore'] });
  let printed = '';
  shell.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    printed += chunk;
  });
  const status = await new Promise<number | null>((done, fail) => shell.on('close', done).on('error', fail));
  return { printed, status };
}

/** Whether what was printed is what the document says. White space at the end of a line or of the whole does not count. */
export function matchesOutput(expected: readonly string[], printed: string): boolean {
  const lines = expected.join('\n').trimEnd().split('\n');
  const pattern = lines.map((line) =>
    line.trim() === '…' ? '(?:.*\\n)*?' : `${line.trimEnd().split('…').map(escapeRegExp).join('.*')}[ \\t]*\\n`,
  );
  return new RegExp(`^${pattern.join('')}\\n*$`).test(`${printed.replaceAll('\r\n', '\n').trimEnd()}\n`);
}

function escapeRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
