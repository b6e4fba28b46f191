import pg from 'pg';
import type { Logger } from 'pino';
import type { Migration } from 'strangler-migrations/define';
import { databaseOf } from '../cutover/database-of.ts';
import { type OpenDatabase, openDatabase, type Rows } from '../cutover/databases.ts';
import { parityOf } from '../cutover/prepare/parity.ts';
import type { Check } from '../cutover/prepare.ts';
import * as guard from '../guard/index.ts';
import { openUnleash } from '../unleash.ts';
import { appendAudit, proveAudit, readAudit } from './audit.ts';
import type { ControlConfig } from './config.ts';
import { writeFlagOf } from './flag.ts';
import { type Decision, keepOwner, type OwnerKeeper } from './owner.ts';
import { openProxies, type Proxies } from './proxies.ts';
import {
  type ControlRequest,
  fileRequest,
  lastRequest,
  type NewRequest,
  openRequest,
  readRequest,
} from './requests.ts';
import { migrateSchema } from './schema.ts';
import { readSide, type SideFigures } from './side-figures.ts';
import { lastVerification, verification } from './verify.ts';

/** Nothing of that name is declared, or was asked for. */
export class NotKnown extends Error {
  override readonly name = 'NotKnown';
}

/** The control plane while it leads. */
export interface ControlPlane {
  readonly proxies: Proxies;
  readonly signal: AbortSignal;
  status(): Promise<StatusReport>;
  ask(request: NewRequest): Promise<string>;
  rehearse(capability: string, kind: NewRequest['kind']): Promise<readonly Check[]>;
  request(id: string): Promise<ControlRequest>;
  withdraw(capability: string, by: By): Promise<void>;
  verify(capability: string): Promise<object>;
  retire(capability: string, by: By): Promise<object>;
  log(of: { readonly capability: string | null; readonly limit: number }): Promise<object>;
  metrics(): string;
  /** Resolves when everything under way has come to a point from which another instance can go on. */
  close(): Promise<void>;
}

/** Who does something, and why. */
export interface By {
  readonly who: string;
  readonly why: string;
}

/** What `status` shows of the data. The keys are a contract. */
export interface StatusReport {
  readonly at: string;
  readonly capabilities: readonly CapabilityStatus[];
  readonly proxies: readonly {
    readonly name: string;
    readonly answers: boolean;
    readonly silent_seconds: number | null;
  }[];
}

export interface CapabilityStatus {
  readonly capability: string;
  /** Null while nobody can tell. */
  readonly owner: 'monolith' | 'service' | null;
  readonly epoch: number | null;
  /** `settled`, or what is being done about it. */
  readonly state: string;
  readonly guard: { readonly monolith: GuardFigures | null; readonly service: GuardFigures | null };
  readonly streams: { readonly forward: SideFigures | null; readonly reverse: SideFigures | null };
  readonly verification: { readonly verdict: string; readonly age_seconds: number; readonly rows: number } | null;
  readonly parity: { readonly value: number | null; readonly sample: number };
  /** As all proxies together know them. */
  readonly routes: readonly { readonly route: string; readonly requests: { monolith: number; service: number } }[];
  readonly writes: { readonly in_flight: number; readonly waiting: number };
  readonly under_way: ControlRequest | null;
  readonly last: ControlRequest | null;
  readonly trouble: string | null;
}

interface GuardFigures {
  readonly mode: string;
  readonly state: string;
  readonly epoch: number;
  readonly refused: number;
  readonly retired_at: string | null;
}

const POOL_MAX = 8;
const LOG_MAX = 1_000;

/** Leads: opens what is needed, brings the own schema up to date, and keeps every capability's owner. */
export async function startControlPlane(
  config: ControlConfig,
  migrations: readonly Migration[],
  logger: Logger,
  signal: AbortSignal,
): Promise<ControlPlane> {
  const pool = new pg.Pool({
    ...{ connectionString: config.database, application_name: 'strangler control', max: POOL_MAX },
    ...{ connectionTimeoutMillis: 5_000, statement_timeout: 20_000 },
  });
  pool.on('error', () => {});
  const client = await pool.connect();
  await migrateSchema(client).finally(() => client.release());
  await appendAudit(pool, {
    ...{ capability: null, event: 'leads', who: 'strangler control', why: 'no other instance did', request: null },
    figures: { pid: process.pid },
  });
  const proxies = await openProxies(pool);
  const unleash = config.unleash && openUnleash(config.unleash);
  const databases = new Map<string, OpenDatabase>();
  const open = (migration: Migration, side: 'monolith' | 'service') => {
    const name = side === 'monolith' ? 'monolith' : migration.service;
    const known = databases.get(name);
    const database = known ?? openDatabase(databaseOf(config.databases, name), name);
    databases.set(name, database);
    return database.query;
  };
  const verifier = { pool, cdc: config.cdc, environment: config.cdcEnvironment, signal };
  const keepers = new Map<string, OwnerKeeper>(
    migrations.map((migration) => {
      const { capability } = migration;
      const keeper = keepOwner({
        ...{ migration, pool, proxies, logger, signal, gates: config.gates, applications: config.applications },
        databases: { monolith: open(migration, 'monolith'), service: open(migration, 'service') },
        flag: unleash && writeFlagOf(unleash, migration),
        verification: (isFresh) => verification(verifier, capability, isFresh),
      });
      return [capability, keeper];
    }),
  );

  function keeperOf(capability: string): OwnerKeeper {
    const keeper = keepers.get(capability);
    if (keeper !== undefined) return keeper;
    throw new NotKnown(`no migration declares ${capability}; there are: ${[...keepers.keys()].join(', ')}`);
  }

  async function statusOf(keeper: OwnerKeeper): Promise<CapabilityStatus> {
    const { migration } = keeper;
    const { capability } = migration;
    const { rows, decision, trouble } = keeper.state();
    const [underWay, last, verified, forward, reverse] = await Promise.all([
      openRequest(pool, capability),
      lastRequest(pool, capability),
      lastVerification(pool, capability),
      readSide(open(migration, 'service'), capability, 'forward'),
      readSide(open(migration, 'monolith'), capability, 'reverse'),
    ]);
    const reports = proxies
      .states()
      .flatMap(({ report }) => report?.capabilities.filter((each) => each.capability === capability) ?? []);
    const sum = (of: 'in_flight' | 'waiting') => reports.reduce((total, each) => total + each[of], 0);
    const { owner, epoch } = ownerOf(decision);
    return {
      ...{ capability, owner, epoch, trouble },
      state: decision?.kind ?? 'unknown',
      guard: { monolith: guardFigures(rows, 'monolith'), service: guardFigures(rows, 'service') },
      streams: { forward, reverse },
      verification: verified
        ? { verdict: verified.verdict, age_seconds: Math.round(verified.ageMs / 1_000), rows: verified.rows }
        : null,
      parity: parityOf(proxies.states(), capability),
      routes: routesOf(capability),
      writes: { in_flight: sum('in_flight'), waiting: sum('waiting') },
      under_way: underWay ?? null,
      last: last ?? null,
    };
  }

  function routesOf(capability: string) {
    const routes = new Map<string, { monolith: number; service: number }>();
    for (const { report } of proxies.states()) {
      for (const each of report?.figures.routes ?? []) {
        if (each.capability !== capability) continue;
        const { monolith, service } = routes.get(each.route) ?? { monolith: 0, service: 0 };
        const { requests } = each;
        routes.set(each.route, { monolith: monolith + requests.monolith, service: service + requests.service });
      }
    }
    return [...routes].map(([route, requests]) => ({ route, requests }));
  }

  return {
    proxies,
    signal,
    async status() {
      return {
        at: new Date().toISOString(),
        capabilities: await Promise.all([...keepers.values()].map(statusOf)),
        proxies: proxies.states().map(({ name, answers, silentMs }) => ({
          ...{ name, answers },
          silent_seconds: silentMs === null ? null : Math.round(silentMs / 1_000),
        })),
      };
    },
    async ask(request) {
      const keeper = keeperOf(request.capability);
      const id = await fileRequest(pool, request);
      keeper.look();
      return id;
    },
    rehearse: (capability, kind) => keeperOf(capability).rehearse(kind),
    async request(id) {
      const found = await readRequest(pool, id);
      if (found === undefined) throw new NotKnown(`nobody has asked for ${id}`);
      return found;
    },
    async withdraw(capability, { who, why }) {
      const keeper = keeperOf(capability);
      await appendAudit(pool, { capability, event: 'withdrawn', who, why, request: null, figures: {} });
      keeper.withdraw(`${who} has withdrawn it: ${why}`);
    },
    async verify(capability) {
      keeperOf(capability);
      const { verdict, rows, note } = await verification(verifier, capability, () => false);
      await appendAudit(pool, {
        ...{ capability, event: 'verified', who: 'strangler control', why: 'it was asked for', request: null },
        figures: { verdict, rows, note },
      });
      return { capability, verdict, rows, note };
    },
    async retire(capability, { who, why }) {
      const { migration } = keeperOf(capability);
      const found = await guard.readGuard(open(migration, 'service'), capability);
      if (found?.row.state !== 'open') throw new NotKnown(`the service does not own ${capability}`);
      await appendAudit(pool, {
        ...{ capability, event: 'retire', who, why, request: null },
        figures: { epoch: found.row.epoch },
      });
      const { retiredAt } = await guard.retire(open(migration, 'service'), capability, found.row.epoch);
      return { capability, retired_at: retiredAt };
    },
    async log({ capability, limit }) {
      const entries = await readAudit(pool, { capability, limit: Math.min(Math.max(limit || 50, 1), LOG_MAX) });
      return { entries, proof: await proveAudit(pool) };
    },
    metrics() {
      const lines = [
        '# HELP strangler_control_owner_epoch The epoch of the owner of a capability',
        '# TYPE strangler_control_owner_epoch gauge',
      ];
      for (const [capability, keeper] of keepers) {
        const { owner, epoch } = ownerOf(keeper.state().decision);
        if (owner !== null) {
          lines.push(`strangler_control_owner_epoch{capability="${capability}",owner="${owner}"} ${epoch}`);
        }
      }
      lines.push(
        '# HELP strangler_control_guard_refused_total Writes that the guard of a side has refused',
        '# TYPE strangler_control_guard_refused_total counter',
      );
      for (const [capability, keeper] of keepers) {
        for (const side of ['monolith', 'service'] as const) {
          const refused = keeper.state().rows?.[side]?.refused ?? 0;
          lines.push(`strangler_control_guard_refused_total{capability="${capability}",side="${side}"} ${refused}`);
        }
      }
      lines.push(
        '# HELP strangler_control_proxies Proxies that are known, by whether they answer',
        '# TYPE strangler_control_proxies gauge',
      );
      const states = proxies.states();
      const answering = states.filter(({ answers }) => answers).length;
      lines.push(`strangler_control_proxies{answers="yes"} ${answering}`);
      lines.push(`strangler_control_proxies{answers="no"} ${states.length - answering}`);
      return `${lines.join('\n')}\n`;
    },
    async close() {
      await Promise.all([...keepers.values()].map(({ ended }) => ended));
      await Promise.all([...databases.values()].map((database) => database.close()));
      await pool.end();
    },
  };
}

function ownerOf(decision: Decision | undefined) {
  switch (decision?.kind) {
    case 'settled':
    case 'unguarded':
      return { owner: decision.owner, epoch: decision.epoch };
    // Under way: until the flip it is the old one, from then on the new one.
    case 'moving':
      return { owner: decision.from, epoch: decision.epoch };
    case 'decided':
      return { owner: decision.to, epoch: decision.epoch };
    default:
      return { owner: null, epoch: null };
  }
}

function guardFigures(rows: Rows | undefined, side: 'monolith' | 'service'): GuardFigures | null {
  const found = rows?.[side];
  if (found === undefined) return null;
  const { mode, state, epoch, retiredAt } = found.row;
  return { mode, state, epoch, refused: found.refused, retired_at: retiredAt };
}
