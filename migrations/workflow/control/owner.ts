import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import type { Logger } from 'pino';
import type { Migration } from 'strangler-migrations/define';
import type { Attempt, Verification } from '../cutover/attempt.ts';
import { changeOwner, type Outcome } from '../cutover/change-owner.ts';
import { type Databases, otherSide, type Rows, readRows } from '../cutover/databases.ts';
import { open } from '../cutover/open.ts';
import { type Check, prepare } from '../cutover/prepare.ts';
import type { Side } from '../guard/index.ts';
import * as guard from '../guard/index.ts';
import { appendAudit } from './audit.ts';
import type { Gates } from './config.ts';
import type { WriteFlag } from './flag.ts';
import type { Proxies } from './proxies.ts';
import {
  beginRequest,
  type ControlRequest,
  endRequest,
  fileRequest,
  type NewRequest,
  openRequest,
  RequestBusy,
  stepRequest,
  troubleRequest,
} from './requests.ts';

/** What the keeper of one capability works with. */
export interface OwnerOptions {
  readonly migration: Migration;
  readonly databases: Databases;
  readonly pool: pg.Pool;
  readonly proxies: Proxies;
  readonly flag: WriteFlag | undefined;
  readonly gates: Gates;
  readonly applications: readonly string[];
  readonly verification: (isFresh: (ageMs: number) => boolean) => Promise<Verification>;
  readonly logger: Logger;
  /** Aborts when another instance leads, or when this one ends. */
  readonly signal: AbortSignal;
}

/** What the rows say, or that there are none: then nothing has ever moved. */
export type Decision = guard.Decision | { readonly kind: 'unguarded'; readonly owner: 'monolith'; readonly epoch: 1 };

/** What is known of one capability now. */
export interface OwnerState {
  readonly rows: Rows | undefined;
  readonly decision: Decision | undefined;
  /** Why nothing can be said, or done. */
  readonly trouble: string | null;
}

/** Keeps one capability's owner what it shall be. */
export interface OwnerKeeper {
  readonly migration: Migration;
  state(): OwnerState;
  /** Looks at once instead of in a moment. */
  look(): void;
  /** Ends an attempt that has not been flipped yet. */
  withdraw(why: string): void;
  /** The checks of prepare, and nothing else. */
  rehearse(kind: NewRequest['kind']): Promise<readonly Check[]>;
  /** Resolves when it has ended. */
  readonly ended: Promise<void>;
}

const LOOK_EVERY_MS = 500;
const FLAG_EVERY_MS = 500;
const US = 'strangler control';

/**
 * Compares what is with what shall be, again and again. What is: the guard rows; what they leave half done is finished or
 * undone first, whoever began it. What shall be: the request that somebody filed, or the flag that somebody turned. Each
 * difference leads to one attempt, and each attempt to one answer.
 */
export function keepOwner(options: OwnerOptions): OwnerKeeper {
  const { migration, databases, pool, proxies, flag, logger, signal } = options;
  const { capability } = migration;
  let known: OwnerState = { rows: undefined, decision: undefined, trouble: 'it was not looked at yet' };
  let withdrawn: AbortController | undefined;
  let wake = () => {};
  let flagAt = Number.NEGATIVE_INFINITY;

  const ended = keep();
  return {
    migration,
    state: () => known,
    look: () => wake(),
    withdraw: (why) => withdrawn?.abort(why),
    rehearse: (kind) => rehearse(kind),
    ended,
  };

  async function keep(): Promise<void> {
    while (!signal.aborted) {
      try {
        await lookOnce();
        known = { ...known, trouble: null };
      } catch (error) {
        if (signal.aborted) return;
        const { message } = error as Error;
        if (known.trouble !== message) logger.warn({ capability, error: message }, 'The owner cannot be kept');
        known = { ...known, trouble: message };
      }
      const nap = Promise.withResolvers<void>();
      wake = nap.resolve;
      await Promise.race([nap.promise, sleep(LOOK_EVERY_MS, undefined, { signal, ref: false }).catch(() => {})]);
    }
  }

  async function lookOnce(): Promise<void> {
    const rows = await readRows(databases, capability);
    const decision = decisionOf(rows);
    known = { ...known, rows, decision };
    const request = await openRequest(pool, capability);
    switch (decision.kind) {
      case 'contradiction':
        throw new Error(`${decision.why}: nothing is done until a person has looked at the guard rows`);
      case 'confirm-closed':
      case 'confirm-open':
        await confirm(rows, decision);
        return wake();
      case 'moving': {
        const { from, epoch, attempt } = decision;
        await guard.undo(databases[from], { capability, epoch, attempt });
        await settled(request, attempt, 'undone', 'The control plane ended before the flip: it was undone.');
        return wake();
      }
      case 'decided': {
        const { to, epoch, attempt } = decision;
        const trouble = (message: string) => logger.warn({ capability, message }, 'The new owner cannot be opened yet');
        await open({ databases, migration, signal, trouble, to, id: attempt, epoch: epoch - 1 });
        await settled(request, attempt, 'done', 'The control plane ended after the flip: it was finished.');
        return wake();
      }
    }
    const { owner, epoch } = decision;
    proxies.order(capability, { owner, epoch, hold: null });
    if (request !== undefined) {
      // Begun by somebody who has ended since, and the rows show nothing of it.
      const end = owner === wantedBy(request) ? 'done' : 'undone';
      if (request.state === 'waiting') await answer(request, decision);
      else await settled(request, request.id, end, 'The control plane ended while it was at it.');
      return wake();
    }
    await lookAtFlag(owner);
  }

  /** After a failover of one server: confirms its row in the new history, the other side barred first if need be. */
  async function confirm(rows: Rows, decision: ConfirmDecision): Promise<void> {
    const { side } = decision;
    const here = rows[side]?.row as guard.GuardRow;
    let { epoch } = decision;
    if (decision.kind === 'confirm-open') {
      const other = rows[decision.bar]?.row as guard.GuardRow;
      const barred = await guard.bar(databases[decision.bar], other, decision.history);
      epoch = Math.max(epoch, barred.epoch);
    }
    const state = decision.kind === 'confirm-open' ? 'open' : 'closed';
    const attempt = decision.kind === 'confirm-open' ? here.attempt : decision.attempt;
    await guard.reaffirm(databases[side], here, { state, epoch, attempt });
    await audit('confirmed', `the server of the ${side} has failed over`, null, { side, state, epoch });
  }

  async function settled(
    request: ControlRequest | undefined,
    attempt: string,
    state: 'done' | 'undone',
    said: string,
  ): Promise<void> {
    await audit(state, said, request?.id ?? null, { attempt });
    if (request === undefined) return;
    await endRequest(pool, request.id, { state, said, checks: request.checks, figures: {} });
  }

  /** One request, from its beginning to its answer. */
  async function answer(request: ControlRequest, { owner, epoch }: { owner: Side; epoch: number }): Promise<void> {
    const { id, kind, forced, who, why } = request;
    const to = wantedBy(request);
    await beginRequest(pool, id);
    if (owner === to) {
      await endRequest(pool, id, {
        state: 'done',
        said: `the ${to} owns ${capability} already`,
        checks: [],
        figures: {},
      });
      return;
    }
    await audit(kind, why, id, { through: request.through, forced, from: owner, to, epoch }, who);
    withdrawn = new AbortController();
    let steps: Promise<void> = Promise.resolve();
    const attempt: Attempt = {
      ...{ id, migration, databases, proxies, epoch, to, from: owner, dryRun: false },
      gates: options.gates,
      applications: options.applications,
      forced: new Set(forced),
      verification: options.verification,
      signal: AbortSignal.any([signal, withdrawn.signal]),
      // Told behind what is done, not before it: writers wait meanwhile. The rows are what a restart goes by.
      begin(step) {
        logger.info({ capability, attempt: id, step }, 'step');
        steps = steps.then(() => stepRequest(pool, id, step)).catch(() => {});
      },
      trouble(message) {
        logger.warn({ capability, attempt: id }, message);
        steps = steps.then(() => troubleRequest(pool, id, message)).catch(() => {});
      },
    };
    const watch = watchFlag(owner, request);
    try {
      const outcome = await changeOwner(attempt);
      await steps;
      // Whoever is told that it is done may look at once.
      const rows = await readRows(databases, capability);
      known = { ...known, rows, decision: decisionOf(rows) };
      await conclude(request, outcome, to);
    } finally {
      withdrawn = undefined;
      watch.stop();
    }
  }

  async function conclude(request: ControlRequest, outcome: Outcome, to: Side): Promise<void> {
    const { state, checks } = outcome;
    const said = describe(outcome, request, to);
    const figures = outcome.state === 'done' ? outcome.figures : {};
    logger.info({ capability, attempt: request.id, state, figures }, said);
    await endRequest(pool, request.id, { state, checks, said, figures });
    const judged = checks.map(({ check, ok, forced, found }) => ({ check, ok, forced, found }));
    await audit(state, said, request.id, { figures, checks: judged });
    await flagSays(state === 'done' ? to : otherSide(to), said);
    wake();
  }

  async function rehearse(kind: NewRequest['kind']): Promise<readonly Check[]> {
    const decision = decisionOf(await readRows(databases, capability));
    if (decision.kind !== 'settled' && decision.kind !== 'unguarded')
      throw new RequestBusy('a change of owner is under way');
    const to = kind === 'cutover' ? 'service' : 'monolith';
    return prepare({
      ...{ id: '', migration, databases, proxies, to, from: otherSide(to), epoch: decision.epoch, dryRun: true },
      ...{ gates: options.gates, applications: options.applications, verification: options.verification, signal },
      forced: new Set(),
      begin: () => {},
      trouble: () => {},
    });
  }

  /** A flag that somebody turned since it was last looked at is a request; one that merely differs is put right. */
  async function lookAtFlag(owner: Side): Promise<void> {
    if (flag === undefined || performance.now() - flagAt < FLAG_EVERY_MS) return;
    flagAt = performance.now();
    const says = await flag.read().catch(() => undefined);
    if (says === undefined) return;
    const { rows } = await pool.query('SELECT flag_seen FROM control.capability WHERE name = $1', [capability]);
    const seen: boolean | null = rows[0]?.flag_seen ?? null;
    const isOwners = says === (owner === 'service');
    if (isOwners || seen === null || seen === says) {
      if (seen !== says) await remember(says);
      if (!isOwners) await flagSays(owner, `The ${owner} owns the writes: the flag was put back to what is.`);
      return;
    }
    await remember(says);
    const kind = says ? 'cutover' : 'rollback';
    const who = await flag.whoTurnedIt().catch(() => 'somebody in the flag UI');
    const why = `${flag.name} was turned ${says ? 'on' : 'off'} in the flag UI`;
    await fileRequest(pool, { capability, kind, through: 'flag', who, why, forced: [] }).catch((error) => {
      if (!(error instanceof RequestBusy)) throw error;
    });
    wake();
  }

  /** Whoever turns the flag back while its request is under way withdraws it. */
  function watchFlag(owner: Side, request: ControlRequest): { stop(): void } {
    if (flag === undefined || request.through !== 'flag') return { stop() {} };
    const timer = setInterval(async () => {
      const says = await flag.read().catch(() => undefined);
      if (says === undefined || says !== (owner === 'service')) return;
      withdrawn?.abort(`${flag.name} was turned back in the flag UI`);
    }, FLAG_EVERY_MS);
    return { stop: () => clearInterval(timer) };
  }

  async function flagSays(owner: Side, said: string): Promise<void> {
    if (flag === undefined) return;
    const at = `${new Date().toISOString().slice(0, 19).replace('T', ' ')} UTC`;
    try {
      await flag.tell(owner, `[${at}] ${said}`);
      await remember(owner === 'service');
    } catch (error) {
      logger.warn({ capability, error: (error as Error).message }, 'The flag cannot be told: it is tried again');
    }
  }

  async function remember(says: boolean): Promise<void> {
    await pool.query(
      `INSERT INTO control.capability (name, flag_seen) VALUES ($1, $2)
       ON CONFLICT (name) DO UPDATE SET flag_seen = excluded.flag_seen`,
      [capability, says],
    );
  }

  function audit(event: string, why: string, request: string | null, figures: object, who = US): Promise<void> {
    return appendAudit(pool, { capability, event, who, why, request, figures });
  }
}

type ConfirmDecision = Extract<Decision, { kind: 'confirm-closed' | 'confirm-open' }>;

function decisionOf({ monolith, service }: Rows): Decision {
  if (monolith === undefined || service === undefined) {
    const present = monolith ?? service;
    if (present === undefined || present.row.epoch === 1) return { kind: 'unguarded', owner: 'monolith', epoch: 1 };
    return {
      kind: 'contradiction',
      why: `the ${present === monolith ? 'service' : 'monolith'} has no guard row any more`,
    };
  }
  const standing = ({ row, shut, history }: guard.GuardStatus) => ({ ...row, shut, history });
  return guard.decide({ monolith: standing(monolith), service: standing(service) });
}

function wantedBy({ kind }: Pick<ControlRequest, 'kind'>): Side {
  return kind === 'cutover' ? 'service' : 'monolith';
}

/** One sentence for the person who asked, wherever they did. */
function describe(outcome: Outcome, { kind }: ControlRequest, to: Side): string {
  const name = kind === 'cutover' ? 'Cut-over' : 'Rollback';
  switch (outcome.state) {
    case 'done':
      return `${name} done: the ${to} owns the writes. They paused for ${outcome.figures.pause} ms.`;
    case 'undone':
      return `${name} undone at the step "${outcome.step}": ${outcome.why}. ${outcome.mend}`;
    case 'refused': {
      const standing = outcome.checks.filter(({ stands }) => stands);
      const reasons = standing.map(
        ({ check, found, mend }) => `${check}: ${found}${mend === null ? '' : ` -> ${mend}`}`,
      );
      return `${name} refused. ${reasons.join(' | ')}`;
    }
  }
}
