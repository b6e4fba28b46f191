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
import { courseOf, type StreamCourse } from './direction.ts';

export interface DeadLettersOptions {
  readonly json: boolean;
  readonly all: boolean;
  readonly dryRun: boolean;
  /** Only the letters of this one, as it was typed; of both when undefined. */
  readonly direction?: string | undefined;
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
  if (![undefined, 'forward', 'reverse'].includes(options.direction)) {
    throw new UsageError(`--direction is forward or reverse, not "${options.direction}"`);
  }
  if (verb === 'list') return list(migrations, options);
  const [only] = migrations;
  if (migrations.length > 1 && !(options.all && ids.length === 0)) {
    throw new UsageError('there are several migrations, each with numbers of its own: add --capability NAME');
  }
  if (verb === 'show') return show(only!, ids, options);
  if ((ids.length === 0) !== options.all) throw new UsageError(`${verb} needs the numbers of dead letters, or --all`);
  const settled = (await Promise.all(migrations.map((each) => settle(each, verb, ids, options)))).flat();
  process.stdout.write(
    options.json ? `${JSON.stringify({ dead_letters: settled })}\n` : describeSettled(settled, options),
  );
  return settled.some((letter) => letter.outcome === 'refused') ? 2 : 0;
}

const coursesOf = (databases: MigrationDatabases) =>
  (['forward', 'reverse'] as const).map((direction) => courseOf(databases, direction));

function listOf({ name, targetUrl }: StreamCourse): Promise<DeadLetter[]> {
  return withConnection(targetUrl, APPLICATION_NAME, (client) => listLetters(client, name));
}

async function list(migrations: readonly MigrationDatabases[], { json }: DeadLettersOptions): Promise<number> {
  const letters = (await Promise.all(migrations.flatMap(coursesOf).map(listOf))).flat();
  process.stdout.write(json ? `${JSON.stringify({ dead_letters: letters })}\n` : describeLetters(letters));
  return 0;
}

/** The direction whose letters these are: each keeps them in its own target, with numbers of its own. */
async function courseOfLetters(
  databases: MigrationDatabases,
  ids: readonly string[],
  direction: string | undefined,
): Promise<StreamCourse> {
  const courses = coursesOf(databases).filter(({ name }) => direction === undefined || name.direction === direction);
  const holding: StreamCourse[] = [];
  let unknown = ids;
  for (const course of courses) {
    const known = (await listOf(course)).map((letter) => letter.id);
    if (ids.some((id) => known.includes(id))) holding.push(course);
    unknown = unknown.filter((id) => !known.includes(id));
  }
  if (unknown.length > 0) throw new UsageError(`there is no dead letter ${unknown.join(', ')}; "list" shows them`);
  if (holding.length > 1) {
    throw new UsageError(
      'both directions have letters of these numbers: add --direction forward or --direction reverse',
    );
  }
  return holding[0]!;
}

async function show(
  databases: MigrationDatabases,
  ids: readonly string[],
  { direction }: DeadLettersOptions,
): Promise<number> {
  const [id] = ids;
  if (id === undefined || ids.length > 1) throw new UsageError('show needs the number of one dead letter');
  const { name, targetUrl } = await courseOfLetters(databases, ids, direction);
  const letter = await withConnection(targetUrl, APPLICATION_NAME, (client) => readLetter(client, name, id));
  process.stdout.write(`${JSON.stringify(letter, null, 2)}\n`);
  return 0;
}

async function settle(
  databases: MigrationDatabases,
  verb: string,
  ids: readonly string[],
  options: DeadLettersOptions,
): Promise<SettledLetter[]> {
  const courses = options.all
    ? coursesOf(databases).filter(({ name }) => options.direction === undefined || name.direction === options.direction)
    : [await courseOfLetters(databases, ids, options.direction)];
  const settled = await Promise.all(
    courses.map((course) =>
      withConnection(course.targetUrl, APPLICATION_NAME, async (client) => {
        const stream = course.name;
        if ((await listLetters(client, stream)).length === 0) return [];
        const what = { client, stream, ids: options.all ? undefined : ids, dryRun: options.dryRun };
        if (verb === 'discard') return discardLetters(what);
        await beginApplying(client, repairOrigin(course.origin));
        return replayLetters({ ...what, course });
      }),
    ),
  );
  return settled.flat();
}

function describeLetters(letters: readonly DeadLetter[]): string {
  if (letters.length === 0) return 'No event is parked.\n';
  const lines = letters.map((letter) => {
    const key = Object.entries(letter.key).map(([column, value]) => `${column}=${value}`);
    const why = letter.behind === null ? (letter.cause ?? 'first of its key') : `waits behind ${letter.behind}`;
    return `${letter.id}  ${letter.capability} ${letter.direction}  ${letter.table} (${key.join(', ')})  ${letter.parked_at}  ${why}`;
  });
  return `${lines.join('\n')}\nNext: mend the cause, then npx cdc dead-letters replay --all\n`;
}

function describeSettled(letters: readonly SettledLetter[], { dryRun }: DeadLettersOptions): string {
  const lines = letters.map(({ id, outcome, cause }) => `${id}  ${outcome}${cause === null ? '' : `: ${cause}`}`);
  const left = letters.filter(({ outcome }) => outcome === 'refused' || outcome === 'waits').length;
  const end = `${letters.length - left} settled, ${left} still parked${dryRun ? '; nothing was changed (--dry-run)' : ''}.`;
  return `${[...lines, end].join('\n')}\n`;
}
