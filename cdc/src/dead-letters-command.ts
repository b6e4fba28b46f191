import { beginApplying, repairOrigin } from './apply/apply-session.ts';
import {
  type DeadLetter,
  discardLetters,
  listLetters,
  readLetter,
  replayLetters,
  type SettledLetter,
} from './apply/settle-letters.ts';
import type { MigrationDatabases } from './config.ts';
import { withConnection } from './database/connect.ts';
import { courseOf } from './direction.ts';

export interface DeadLettersOptions {
  readonly json: boolean;
  readonly all: boolean;
  readonly dryRun: boolean;
}

/** The command line does not say what is to be done. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

const APPLICATION_NAME = 'strangler_dead_letters';

/** `cdc dead-letters list | show ID | replay | discard`. Answers with the exit status. */
export async function deadLetters(
  migrations: readonly MigrationDatabases[],
  [verb = 'list', ...ids]: readonly string[],
  options: DeadLettersOptions,
): Promise<number> {
  if (!['list', 'show', 'replay', 'discard'].includes(verb)) {
    throw new UsageError(`dead-letters has list, show, replay and discard, but no "${verb}"`);
  }
  const wrong = ids.find((id) => !/^\d{1,18}$/.test(id));
  if (wrong !== undefined) throw new UsageError(`"${wrong}" is not the number of a dead letter; "list" shows them`);
  if (verb === 'list') return list(migrations, options);
  const [only] = migrations;
  if (migrations.length > 1 && !(options.all && ids.length === 0)) {
    throw new UsageError('there are several migrations, each with numbers of its own: add --capability NAME');
  }
  if (verb === 'show') return show(only!, ids);
  if ((ids.length === 0) !== options.all) throw new UsageError(`${verb} needs the numbers of dead letters, or --all`);
  const settled = (await Promise.all(migrations.map((each) => settle(each, verb, ids, options)))).flat();
  process.stdout.write(
    options.json ? `${JSON.stringify({ dead_letters: settled })}\n` : describeSettled(settled, options),
  );
  return settled.some((letter) => letter.outcome === 'refused') ? 2 : 0;
}

const streamOf = ({ migration }: MigrationDatabases) =>
  ({ capability: migration.capability, direction: 'forward' }) as const;

async function list(migrations: readonly MigrationDatabases[], { json }: DeadLettersOptions): Promise<number> {
  const letters = await Promise.all(
    migrations.map((each) =>
      withConnection(each.targetUrl, APPLICATION_NAME, (client) => listLetters(client, streamOf(each))),
    ),
  );
  process.stdout.write(
    json ? `${JSON.stringify({ dead_letters: letters.flat() })}\n` : describeLetters(letters.flat()),
  );
  return 0;
}

async function show(databases: MigrationDatabases, ids: readonly string[]): Promise<number> {
  const [id] = ids;
  if (id === undefined || ids.length > 1) throw new UsageError('show needs the number of one dead letter');
  const letter = await withConnection(databases.targetUrl, APPLICATION_NAME, (client) =>
    readLetter(client, streamOf(databases), id),
  );
  if (!letter) throw new UsageError(`there is no dead letter ${id}; "list" shows them`);
  process.stdout.write(`${JSON.stringify(letter, null, 2)}\n`);
  return 0;
}

async function settle(
  databases: MigrationDatabases,
  verb: string,
  ids: readonly string[],
  { all, dryRun }: DeadLettersOptions,
): Promise<SettledLetter[]> {
  const course = courseOf(databases, 'forward');
  const { name: stream, targetUrl } = course;
  return withConnection(targetUrl, APPLICATION_NAME, async (client) => {
    const known = (await listLetters(client, stream)).map((letter) => letter.id);
    const unknown = ids.filter((id) => !known.includes(id));
    if (unknown.length > 0) throw new UsageError(`there is no dead letter ${unknown.join(', ')}; "list" shows them`);
    if (known.length === 0) return [];
    const options = { client, stream, ids: all ? undefined : ids, dryRun };
    if (verb === 'discard') return discardLetters(options);
    await beginApplying(client, repairOrigin(course.origin));
    return replayLetters({ ...options, mappings: course.mappings });
  });
}

function describeLetters(letters: readonly DeadLetter[]): string {
  if (letters.length === 0) return 'No event is parked.\n';
  const lines = letters.map((letter) => {
    const key = Object.entries(letter.key).map(([column, value]) => `${column}=${value}`);
    const why = letter.behind === null ? (letter.cause ?? 'first of its key') : `waits behind ${letter.behind}`;
    return `${letter.id}  ${letter.capability}  ${letter.table} (${key.join(', ')})  ${letter.parked_at}  ${why}`;
  });
  return `${lines.join('\n')}\nNext: mend the cause, then npx cdc dead-letters replay --all\n`;
}

function describeSettled(letters: readonly SettledLetter[], { dryRun }: DeadLettersOptions): string {
  const lines = letters.map(({ id, outcome, cause }) => `${id}  ${outcome}${cause === null ? '' : `: ${cause}`}`);
  const left = letters.filter(({ outcome }) => outcome === 'refused' || outcome === 'waits').length;
  const end = `${letters.length - left} settled, ${left} still parked${dryRun ? '; nothing was changed (--dry-run)' : ''}.`;
  return `${[...lines, end].join('\n')}\n`;
}
