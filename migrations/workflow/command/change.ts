import { userInfo } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CapabilityStatus } from '../control/control-plane.ts';
import type { ControlRequest } from '../control/requests.ts';
import type { Check } from '../cutover/prepare.ts';
import { controlClient } from './control-client.ts';
import type { Settings } from './settings.ts';
import { formatTable } from './table.ts';
import type { Terminal } from './terminal.ts';
import { UsageError } from './usage.ts';

const LOOK_EVERY_MS = 150;
/** A verification of many rows comes before anything else; the change itself takes a second. */
const REHEARSAL_MS_MAX = 600_000;

export interface ChangeOptions {
  readonly kind: 'cutover' | 'rollback';
  readonly words: readonly string[];
  readonly json: boolean;
  readonly dryRun: boolean;
  readonly force: readonly string[];
  readonly reason: string | undefined;
}

/** `strangler cutover` and `strangler rollback`. Gives its exit status: 2 if it was refused, 1 if it was undone. */
export async function change(settings: Settings, options: ChangeOptions, terminal: Terminal): Promise<number> {
  const { kind, json, dryRun, force } = options;
  const [capability, ...rest] = options.words;
  if (capability === undefined || rest.length > 0)
    throw new UsageError(`of which capability? strangler ${kind} catalog`);
  if (force.length > 0 && !options.reason) throw new UsageError('--force needs --reason: it is logged with your name');
  const control = controlClient(settings.control);
  const before = await statusOf(control, capability);
  const asked = { capability, kind, who: whoAsks(), why: options.reason ?? `strangler ${kind}`, forced: force };

  if (dryRun) {
    const { checks } = (await control.post('/requests', { ...asked, dry_run: true }, REHEARSAL_MS_MAX)) as {
      checks: readonly Check[];
    };
    const stands = checks.filter(({ ok, check }) => !ok && !force.includes(check));
    const plan = planOf(kind, capability, before);
    if (json) terminal.print(JSON.stringify({ capability, kind, dry_run: true, before: brief(before), checks, plan }));
    else {
      terminal.print(`before  ${describe(before)}`);
      printChecks(checks, terminal);
      for (const line of plan) terminal.print(`would   ${line}`);
      const next =
        stands.length === 0 ? `strangler ${kind} ${capability}` : 'mend what is wanting above, and look again';
      terminal.talk(`\nNext: ${next}`);
    }
    return stands.length === 0 ? 0 : 2;
  }

  const { id } = (await control.post('/requests', asked)) as { id: string };
  if (!json) terminal.print(`before  ${describe(before)}`);
  const ended = await follow(control, id, json ? () => {} : (step) => terminal.talk(`        ${step}`));
  const after = await statusOf(control, capability);
  const status = { done: 0, refused: 2, undone: 1 }[ended.state as 'done' | 'refused' | 'undone'];
  if (json) {
    const { state, checks, said, figures } = ended;
    const outcome = { state, said, checks, figures, before: brief(before), after: brief(after) };
    terminal.print(JSON.stringify({ capability, kind, dry_run: false, id, ...outcome }));
    return status;
  }
  printChecks(ended.checks, terminal);
  terminal.print(`after   ${describe(after)}`);
  terminal.talk(`\n${ended.said}`);
  terminal.talk(`Next: ${nextOf(ended, kind, capability)}`);
  return status;
}

function nextOf({ state }: ControlRequest, kind: ChangeOptions['kind'], capability: string): string {
  if (state !== 'done') return `strangler ${kind} ${capability} --dry-run`;
  const other = kind === 'cutover' ? 'rollback' : 'cutover';
  return `strangler status (and "strangler ${other} ${capability}" to go back)`;
}

type Control = ReturnType<typeof controlClient>;

/** @throws {UsageError} if there is no such capability. */
export async function statusOf(control: Control, capability: string): Promise<CapabilityStatus> {
  const { capabilities } = (await control.get('/status')) as { capabilities: readonly CapabilityStatus[] };
  const found = capabilities.find((each) => each.capability === capability);
  if (found !== undefined) return found;
  const known = capabilities.map((each) => each.capability).join(', ');
  throw new UsageError(`there is no capability "${capability}"; there are: ${known}`);
}

async function follow(control: Control, id: string, onStep: (step: string) => void): Promise<ControlRequest> {
  let shown = '';
  for (;;) {
    const request = (await control.get(`/requests/${id}`)) as ControlRequest;
    const { step, said, ended_at } = request;
    const text = `${step ?? 'waiting'}${said === null || ended_at !== null ? '' : `: still trying: ${said}`}`;
    if (text !== shown) onStep(text);
    shown = text;
    if (request.ended_at !== null) return request;
    await sleep(LOOK_EVERY_MS);
  }
}

function printChecks(checks: readonly Check[], { print, paint }: Terminal): void {
  const rows = checks.flatMap(({ check, ok, forced, found, mend }) => {
    const word = ok ? 'ok' : forced ? 'FORCED' : 'WANTING';
    const style = ok ? 'green' : forced ? 'yellow' : 'red';
    const line = [
      { text: '       ' },
      { text: word, paint: (text: string) => paint(style, text) },
      { text: check },
      { text: found },
    ];
    return [line, ...(ok || mend === null ? [] : [[{ text: '' }, { text: '' }, { text: '' }, { text: `-> ${mend}` }]])];
  });
  if (rows.length > 0) print(formatTable(rows));
}

/** Each lock, wait and flip, in their order. */
function planOf(kind: ChangeOptions['kind'], capability: string, { epoch }: CapabilityStatus): readonly string[] {
  const [from, to] = kind === 'cutover' ? ['monolith', 'service'] : ['service', 'monolith'];
  const now = epoch ?? 1;
  return [
    `hold    every proxy keeps new writes of ${capability}; up to 3 s for those under way at the ${from}`,
    `fence   the ${from}'s database: strangler.guard_lock_${capability.replaceAll('-', '_')} in EXCLUSIVE mode, up to 8 times 150 ms; ` +
      `guard row open -> fenced at epoch ${now}, for 6 s`,
    `drain   up to 3.5 s, until the fence's marker is in the ledger of the ${to}'s database`,
    `check   nothing is parked; the ${to}'s sequences are ahead`,
    `flip    the ${from}'s guard row fenced -> closed at epoch ${now + 1}, under the same lock; from here on there is no way back`,
    `open    the ${to}'s guard row closed -> open at epoch ${now + 1}, under its lock`,
    `release every proxy sends what it kept, and all that follows, to the ${to}`,
  ];
}

function describe({ capability, owner, epoch, guard }: CapabilityStatus): string {
  if (owner === null) return `${capability}: nobody can tell who owns the writes`;
  const mode = guard.monolith === null ? ', without a guard' : '';
  return `${capability}: the ${owner} owns the writes, epoch ${epoch}${mode}`;
}

function brief({ owner, epoch, state }: CapabilityStatus) {
  return { owner, epoch, state };
}

/** Who the log names. */
export function whoAsks(): string {
  try {
    return userInfo().username;
  } catch {
    return 'unknown';
  }
}
