import type { TableMapping } from 'strangler-migrations/define';
import { ConfigurationError, type MigrationDatabases } from '../config.ts';
import { checkpointFile, readCheckpoint, removeCheckpoint, writeCheckpoint } from './checkpoint.ts';
import { parseRest, verifyContinuously } from './continuous.ts';
import { showReport, type VerifyReport } from './report.ts';
import { identify, VerifyInterrupted, type VerifyProgress, verify } from './verify.ts';

export interface VerifyCommand {
  readonly migrations: readonly MigrationDatabases[];
  /** Only mappings from or to this table: `prod`, or `schema.prod`. */
  readonly table?: string | undefined;
  /** Rows per second at most, as it was typed. */
  readonly rate?: string | undefined;
  readonly resume: boolean;
  /** Again and again, until the signal. */
  readonly continuous: boolean;
  /** Seconds of rest behind each slice of a continuous one, as it was typed. */
  readonly every?: string | undefined;
  readonly json: boolean;
  /** The state folder. */
  readonly state: string;
  readonly signal: AbortSignal;
}

/** `cdc verify`. Gives the exit status: 0 all equal, 2 found wanting. */
export async function runVerify(command: VerifyCommand): Promise<number> {
  const rate = parseRate(command.rate);
  const chosen = chooseTables(command.migrations, command.table);
  if (command.continuous) return runContinuous(command, chosen, rate);
  const reports: VerifyReport[] = [];
  for (const { databases, only } of chosen) {
    const { capability } = databases.migration;
    const file = checkpointFile(command.state, capability);
    const from = command.resume ? await readCheckpoint(file, identify(only)) : undefined;
    if (command.resume && !from) say(`${capability}: nothing to go on with, so from the beginning`);
    try {
      const report = await verify({
        ...databases,
        ...{ only, from, signal: command.signal },
        ...(rate === undefined ? {} : { rate }),
        progress: reportProgress(capability, from?.tables.at(-1)?.rows ?? 0),
        settling: reportSettling(capability),
        save: (checkpoint) => writeCheckpoint(file, checkpoint),
      });
      await removeCheckpoint(file);
      reports.push(report);
      if (!command.json) process.stdout.write(showReport(report));
    } catch (error) {
      if (error instanceof VerifyInterrupted) say(`${capability}: ended. To go on: npx cdc verify --resume`);
      throw error;
    }
  }
  if (command.json) process.stdout.write(`${JSON.stringify({ verifications: reports })}\n`);
  const wanting = reports.filter((report) => report.verdict !== 'equal');
  if (wanting.some((report) => report.verdict === 'different')) say('Next: npx cdc reconcile --dry-run');
  return wanting.length > 0 ? 2 : 0;
}

/** A report for each round, with `--json` a line. Ends with 2 if anything was found wanting in any. */
async function runContinuous(
  { every, json, state, signal }: VerifyCommand,
  chosen: ReturnType<typeof chooseTables>,
  rate: number | undefined,
): Promise<number> {
  const restMs = parseRest(every);
  let wanting = false;
  const round = (report: VerifyReport) => {
    wanting ||= report.verdict !== 'equal';
    process.stdout.write(json ? `${JSON.stringify({ verifications: [report] })}\n` : showReport(report));
  };
  await Promise.all(chosen.map((each) => verifyContinuously({ ...each, restMs, rate, state, signal, round, say })));
  return wanting ? 2 : 0;
}

/** The mappings of each migration that are meant. @throws {ConfigurationError} when there is no such table. */
export function chooseTables(migrations: readonly MigrationDatabases[], table: string | undefined) {
  const chosen = migrations.map((databases) => {
    const all = [...databases.migration.tables, ...databases.migration.follows];
    return { databases, only: table === undefined ? all : all.filter((mapping) => isMeant(mapping, table)) };
  });
  const found = chosen.filter(({ only }) => only.length > 0);
  if (found.length > 0 || table === undefined) return found;
  const known = chosen.flatMap(({ databases: { migration } }) =>
    [...migration.tables, ...migration.follows].map(({ source, target }) => `${source.name} (${target.name})`),
  );
  throw new ConfigurationError(`--table ${table}: no such table is mapped, only ${known.join(', ')}`);
}

function isMeant({ source, target }: TableMapping, table: string): boolean {
  return [source, target].some(({ schema, name }) => table === name || table === `${schema}.${name}`);
}

/** @throws {ConfigurationError} */
export function parseRate(rate: string | undefined): number | undefined {
  if (rate === undefined) return undefined;
  const rows = Number(rate);
  if (Number.isSafeInteger(rows) && rows >= 1) return rows;
  throw new ConfigurationError(`--rate ${rate}: has to be a whole number of rows per second`);
}

/** How often a verification says how far it is, in milliseconds. */
const PROGRESS_EVERY_MS = 2_000;

/** Says how far it is now and then, on stderr. */
export function reportProgress(capability: string, rowsBefore: number): (progress: VerifyProgress) => void {
  let saidAt = performance.now();
  let begin = { table: '', rows: rowsBefore, at: performance.now() };
  return ({ table, rows, rowsExpected, suspects }) => {
    const now = performance.now();
    if (table !== begin.table)
      begin = { table, rows: begin.table === '' ? rowsBefore : 0, at: begin.table === '' ? begin.at : saidAt };
    if (now - saidAt < PROGRESS_EVERY_MS) return;
    saidAt = now;
    const rate = ((rows - begin.rows) / (now - begin.at)) * 1_000;
    const left = rowsExpected === undefined || rate <= 0 ? undefined : Math.max(0, rowsExpected - rows) / rate;
    const of = rowsExpected === undefined ? '' : ` of about ${Math.round(rowsExpected)}`;
    const time = left === undefined ? 'time left unknown' : `about ${Math.ceil(left)} s left`;
    say(
      `${capability}: ${table}: ${rows}${of} rows, ${Math.round(rate)} rows/s, ${time}, ${suspects} to look at again`,
    );
  };
}

/** Says that it waits for the stream. */
export function reportSettling(capability: string): (table: string, suspects: number) => void {
  return (table, suspects) => {
    say(
      `${capability}: ${table}: ${suspects} rows differ so far; looking again once the stream has passed this moment`,
    );
  };
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}
