#!/usr/bin/env node
import { parseArgs } from 'node:util';
import { createEngine } from './capture/create-engine.ts';
import { ConfigurationError, DEFAULT_PORT, readConfiguration } from './config.ts';
import { deadLetters, UsageError } from './dead-letters-command.ts';
import { type Check, examine } from './doctor.ts';
import { describeError, isTransient, StreamStop } from './errors.ts';
import { NotTheOwner } from './reconcile/backfill.ts';
import { runBackfill } from './reconcile/backfill-command.ts';
import { runReconcile } from './reconcile/command.ts';
import { rogueWrites } from './rogue-writes-command.ts';
import { rolesSql } from './roles.ts';
import { runStreams } from './run.ts';
import { withRunningSystem } from './running-system.ts';
import { readStatus, type StoredStatus } from './status/read-status.ts';
import { runVerify } from './verify/command.ts';
import { NothingLoaded, OwnerMoved, VerifyInterrupted } from './verify/verify.ts';

const HELP = `Carries every committed change of the monolith's database to the services', exactly once.

  npx cdc doctor                     is everything set up? names each missing setting and what mends it
  npx cdc roles                      least-privilege roles, as SQL for a database administrator
  npx cdc run                        all migrations, until SIGTERM
  npx cdc run --capability catalog   one of them
  npx cdc status --watch             how far each stream is
  npx cdc verify                     is every row of both databases as it has to be? reads only
  npx cdc verify --continuous        the same again and again, a slice a minute
  npx cdc reconcile --dry-run        what would be done about the rows that are not
  npx cdc backfill --table prod      every row of a table anew, beside the stream
  npx cdc dead-letters list          events that could not be applied, with their causes
  npx cdc dead-letters replay --all  applies them, once the causes are mended
  npx cdc rogue-writes               what a side wrote that does not own it

Commands
  run        initial load, then the change stream; /livez, /readyz, /metrics and /status over HTTP
  status     positions and lag, read from the databases: works whether or not "run" does
  verify     compares every row of both databases beside live traffic; names missing, extra and different rows
  backfill   brings the rows of one table, or of a range of its keys, while "run" runs on
  reconcile  verifies, and repairs those rows in the services' databases; "run" may run on
  doctor     checks both databases and changes nothing
  roles      prints SQL
  dead-letters list           events that are parked, and why
  dead-letters show ID        one of them in full, as JSON
  dead-letters replay ID...   applies them, and what else waits for their keys, in order; --all: every one
  dead-letters discard ID...  throws them away for good; --all: every one
  rogue-writes                what a side wrote past its guard while the other one owned it: kept, never applied

Options
  --capability NAME   only this migration
  --json              one JSON object on stdout (status, doctor, verify, reconcile, backfill, dead-letters, rogue-writes)
  --watch             again every second (status)
  --table T           only the tables mapped from or to T (verify, reconcile, backfill)
  --rate ROWS         rows per second that are read at most (verify, reconcile, backfill; default: no limit)
  --resume            go on where an earlier one was ended (verify)
  --direction D       only letters of the forward or the reverse stream (dead-letters)
  --from K, --to K    only these keys, both included (backfill)
  --continuous        again and again until SIGTERM, with a rest behind each slice (verify)
  --every SECONDS     how long that rest is (default: 60)
  --dry-run           change nothing, say what would be done (reconcile, dead-letters replay, discard)
  -h, --help          this

Environment
  STRANGLER_MIGRATIONS         folder of the declarations (default: migrations)
  STRANGLER_DATABASE_MONOLITH  postgres:// URL of the source; a direct one, not a pooler's
  STRANGLER_DATABASE_<SERVICE> postgres:// URL of each service's database, e.g. STRANGLER_DATABASE_CATALOG
  HOST, PORT                   of the status pages (default: 127.0.0.1, ${DEFAULT_PORT})
  STRANGLER_STATE              state folder of a running "npm start" (default: .strangler): where all but run look
                               for what is not set, and where verify keeps how far it is
  LOG_LEVEL                    trace, debug, info (default), warn, error, fatal, silent
  STRANGLER_CDC_QUEUE_MIB      log that is received and not yet applied, at most (default: 16)
  STRANGLER_CDC_BATCH_ROWS     rows after which a batch is committed (default: 10000)
  STRANGLER_CDC_HEARTBEAT_MS   how often a mark is written to the source's log (default: 2000)
  STRANGLER_CDC_IDLE_MS        how often an idle stream writes its position down (default: 10000)
  STRANGLER_CDC_ENGINE         who reads the source's log: embedded (default), or debezium on Kafka Connect
  KAFKA_BROKERS, CONNECT_URL   of debezium: host:port,... and http://host:8083
  STRANGLER_CONNECT_DATABASE_<NAME>  a database as Kafka Connect reaches it, where its URL is another there
  STRANGLER_CDC_DEAD_LETTERS   events that may be parked; at the bound the stream stops (default: 10000; 0: parks none)

Exit status: 0 done, 1 error, 2 looked and found wanting (doctor, verify, reconcile, backfill, rogue-writes), or refused again (dead-letters replay).
`;

async function main(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      capability: { type: 'string' },
      json: { type: 'boolean', default: false },
      watch: { type: 'boolean', default: false },
      table: { type: 'string' },
      rate: { type: 'string' },
      resume: { type: 'boolean', default: false },
      continuous: { type: 'boolean', default: false },
      every: { type: 'string' },
      from: { type: 'string' },
      to: { type: 'string' },
      all: { type: 'boolean', default: false },
      direction: { type: 'string' },
      'dry-run': { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const [command, ...rest] = positionals;
  if (values.help || command === undefined) {
    process.stdout.write(HELP);
    return values.help ? 0 : 1;
  }
  const commands = [
    'run',
    'status',
    'doctor',
    'roles',
    'verify',
    'reconcile',
    'backfill',
    'dead-letters',
    'rogue-writes',
  ];
  if (!commands.includes(command) || (rest.length > 0 && command !== 'dead-letters')) {
    process.stderr.write(`cdc: there is no command "${positionals.join(' ')}"; "cdc --help" lists them\n`);
    return 1;
  }
  // To carry changes is never by chance: only who asks may leave open what about.
  const env = command === 'run' ? process.env : withRunningSystem(process.env);
  const configuration = await readConfiguration(env, values.capability);
  switch (command) {
    case 'run':
      await runStreams(configuration, untilSignal());
      return 0;
    case 'dead-letters':
      return deadLetters(configuration.migrations, rest, { ...values, dryRun: values['dry-run'] });
    case 'rogue-writes':
      return rogueWrites(configuration.migrations, values.json);
    case 'roles':
      process.stdout.write(configuration.migrations.map(rolesSql).join('\n'));
      return 0;
    case 'doctor': {
      const engine = createEngine(configuration.engine);
      const checks = (await Promise.all(configuration.migrations.map((each) => examine(each, engine)))).flat();
      process.stdout.write(values.json ? `${JSON.stringify({ checks })}\n` : showChecks(checks));
      return checks.some((check) => check.outcome === 'wanting') ? 2 : 0;
    }
    case 'verify':
      return runVerify({
        ...{ ...values, migrations: configuration.migrations, signal: untilSignal() },
        state: env.STRANGLER_STATE || '.strangler',
      });
    case 'backfill':
      return runBackfill({ ...values, migrations: configuration.migrations, signal: untilSignal() });
    case 'reconcile':
      return runReconcile({
        ...{ ...values, migrations: configuration.migrations, signal: untilSignal() },
        dryRun: values['dry-run'],
      });
    default:
      return showStatus(async () => (await Promise.all(configuration.migrations.map(readStatus))).flat(), values);
  }
}

/** Aborts at the first SIGTERM or SIGINT; a second one ends the process at once. */
function untilSignal(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => controller.abort());
  return controller.signal;
}

async function showStatus(
  read: () => Promise<readonly StoredStatus[]>,
  options: { readonly json: boolean; readonly watch: boolean },
): Promise<number> {
  for (;;) {
    const streams = await read();
    if (options.json) process.stdout.write(`${JSON.stringify({ streams })}\n`);
    else {
      if (options.watch && process.stdout.isTTY) process.stdout.write('\x1b[H\x1b[2J');
      process.stdout.write(streams.map(showStream).join(''));
    }
    if (!options.watch) return 0;
    await new Promise((wake) => setTimeout(wake, 1_000));
  }
}

function showStream(stream: StoredStatus): string {
  const figure = (value: number | null, unit: string) =>
    value === null ? 'unknown' : `${Math.round(value * 10) / 10} ${unit}`;
  const lines = [
    `${stream.capability} ${stream.direction}: ${stream.state}`,
    `  position      ${stream.position ?? 'none yet'}`,
    `  lag           ${figure(stream.lag_seconds, 's')}, ${figure(stream.lag_bytes, 'bytes')}`,
    `  slot          ${stream.slot.name}, keeps ${figure(stream.slot.retained_bytes, 'bytes')}, may keep ${stream.slot.safe_bytes === null ? 'any amount' : `${stream.slot.safe_bytes} bytes`} more`,
    `  dead letters  ${stream.dead_letters === null ? 'unknown' : `${stream.dead_letters.keys} keys, ${stream.dead_letters.events} events`}`,
    `  gate          ${stream.gate === null ? 'unknown' : `${stream.gate.state}, epoch ${stream.gate.epoch}`}`,
    ...(stream.rogue_writes ? [`  ROGUE WRITES  ${stream.rogue_writes}, not applied: npx cdc rogue-writes`] : []),
    ...stream.notes.map((note) => `  note          ${note}`),
  ];
  return `${lines.join('\n')}\n`;
}

function showChecks(checks: readonly Check[]): string {
  const words = { ok: 'ok     ', hint: 'hint   ', wanting: 'WANTING' };
  const lines = checks.flatMap((check) => [
    `${words[check.outcome]}  ${check.capability}: ${check.side}: ${check.name}: ${check.found}`,
    ...(check.mend === null ? [] : [`         -> ${check.mend}`]),
  ]);
  const wanting = checks.filter((check) => check.outcome === 'wanting').length;
  const end = wanting === 0 ? 'Nothing is wanting. Next: npx cdc run' : `${wanting} wanting.`;
  return `${[...lines, end].join('\n')}\n`;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`cdc: ${explain(error as NodeJS.ErrnoException)}\n`);
  process.exitCode = 1;
}

function explain(error: NodeJS.ErrnoException): string {
  if (error.code === 'EADDRINUSE') return `${error.message}. Something else listens there: set PORT to a free port.`;
  if (error instanceof StreamStop) return `${error.message}. ${error.fix}`;
  const said = [ConfigurationError, NothingLoaded, NotTheOwner, OwnerMoved, UsageError, VerifyInterrupted].some(
    (kind) => error instanceof kind,
  );
  const known = said || isTransient(error) || error.code?.startsWith('ERR_PARSE_ARGS');
  return (known ? describeError(error) : error.stack) ?? error.message;
}
