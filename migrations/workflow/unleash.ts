import { z } from 'zod';

/** Where flags are made, and what they are asked for in: Unleash's open-source edition has both from the start. */
export const PROJECT = 'default';
export const ENVIRONMENT = 'development';
const TIMEOUT_MS = 10_000;

/** How to reach Unleash's admin API. */
export interface UnleashAccess {
  /** Of the server, with or without `/api`: `http://127.0.0.1:4242`. */
  readonly url: string;
  /** An admin token (or a person's own). Never logged. */
  readonly token: string;
}

/** Unleash cannot be asked, or refuses; the message says what to do. */
export class UnleashError extends Error {
  override readonly name = 'UnleashError';
}

/** Unleash's feature types, https://docs.getunleash.io/concepts/feature-flags#feature-flag-types */
export type FlagType = 'release' | 'experiment' | 'operational' | 'kill-switch';

/** A flag to be made. */
export interface NewFlag {
  readonly name: string;
  readonly type: FlagType;
  readonly description: string;
}

/** Who gets a flag that is on. */
export interface Strategy {
  readonly id: string;
  readonly name: string;
  readonly disabled: boolean;
  readonly parameters: Readonly<Record<string, string>>;
  /** Constraints and segments narrow it down, by whatever a person has chosen in the UI. */
  readonly narrowed: boolean;
}

/** A flag as Unleash has it, in {@link ENVIRONMENT}. */
export interface Flag {
  readonly name: string;
  readonly project: string;
  /** Put away in the UI: its name stays taken, and it reads as off. */
  readonly archived: boolean;
  readonly enabled: boolean;
  readonly strategies: readonly Strategy[];
}

/** The part of `POST /api/admin/features-batch/export` that is used here: every flag with its strategies at once. */
const exported = z.object({
  features: z.array(z.object({ name: z.string(), project: z.string(), archived: z.boolean().optional() })),
  featureEnvironments: z.array(z.object({ featureName: z.string(), enabled: z.boolean() })),
  featureStrategies: z.array(
    z.object({
      id: z.string(),
      featureName: z.string(),
      name: z.string(),
      disabled: z.boolean().nullish(),
      parameters: z.record(z.string(), z.string()).default({}),
      constraints: z.array(z.unknown()).default([]),
      segments: z.array(z.unknown()).nullish(),
    }),
  ),
});

/** The part of `GET /api/admin/search/events` that is used here; newest first. */
const events = z.object({ events: z.array(z.object({ type: z.string(), createdBy: z.string() })) });

/** What the workflow asks of Unleash. */
export interface Unleash {
  /** Without a path, for people. */
  readonly url: string;
  /** The flags of these names that there are. */
  readFlags(names: readonly string[]): Promise<ReadonlyMap<string, Flag>>;
  /** Makes a flag, off and without a strategy. Gives false if there is one of that name, archived ones included. */
  createFlag(flag: NewFlag): Promise<boolean>;
  /** Gives a flag a gradual rollout. */
  addRollout(flag: Pick<Flag, 'name' | 'project'>, parameters: Rollout): Promise<void>;
  /** Changes the share of a gradual rollout, and nothing else of it. */
  setShare(flag: Flag, strategy: Strategy, share: number): Promise<void>;
  /** Done too if somebody else has removed it. */
  removeStrategy(flag: Flag, strategy: Strategy): Promise<void>;
  setEnabled(flag: Flag, enabled: boolean): Promise<void>;
  /** Replaces what people read below the flag's name. */
  describe(flag: Pick<Flag, 'name' | 'project'>, description: string): Promise<void>;
  /** Who turned the flag on or off last; a general word where the server does not say. */
  whoTurned(name: string): Promise<string>;
}

/** The parameters of Unleash's gradual rollout, https://docs.getunleash.io/concepts/activation-strategies */
export interface Rollout {
  /** Percent, 0 to 100. */
  readonly share: number;
  /** Flags of one group choose the same visitors. */
  readonly groupId: string;
  /** `default` sticks to the user, else to the session; `random` chooses anew for each request. */
  readonly stickiness: 'default' | 'random';
}

/** Speaks Unleash's admin API. Every call throws {@link UnleashError} when it cannot be made or is refused. */
export function openUnleash(access: UnleashAccess): Unleash {
  const url = access.url.replace(/\/+$/, '').replace(/\/api(\/admin)?$/, '');

  async function call(method: string, path: string, body?: unknown): Promise<Response> {
    const headers = { authorization: access.token, 'content-type': 'application/json' };
    const content = body === undefined ? {} : { body: JSON.stringify(body) };
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const response = await fetch(`${url}/api/admin${path}`, { method, headers, signal, ...content }).catch((error) => {
      throw new UnleashError(
        `Unleash does not answer at ${url} (${causeOf(error)}). Is it running, and is this its URL?`,
      );
    });
    if (response.status === 401 || response.status === 403) {
      throw new UnleashError(`Unleash at ${url} refuses the token (${response.status}). It has to be an admin token.`);
    }
    return response;
  }

  async function done(method: string, path: string, body?: unknown): Promise<Response> {
    const response = await call(method, path, body);
    if (response.ok || (method === 'DELETE' && response.status === 404)) return response;
    throw new UnleashError(
      `Unleash refuses ${method} ${path} (${response.status}): ${(await response.text()).slice(0, 500)}`,
    );
  }

  const featurePath = ({ name, project }: Pick<Flag, 'name' | 'project'>) =>
    `/projects/${encodeURIComponent(project)}/features/${encodeURIComponent(name)}`;
  const environmentPath = (flag: Pick<Flag, 'name' | 'project'>) => `${featurePath(flag)}/environments/${ENVIRONMENT}`;

  return {
    url,
    async readFlags(names) {
      // An empty list would mean every flag there is.
      if (names.length === 0) return new Map();
      const response = await done('POST', '/features-batch/export', { environment: ENVIRONMENT, features: names });
      const parsed = exported.safeParse(await response.json().catch(() => undefined));
      if (!parsed.success) {
        throw new UnleashError(
          `What answers at ${url} is not the Unleash that this was made for:\n${z.prettifyError(parsed.error)}`,
        );
      }
      return flagsByName(parsed.data);
    },
    async createFlag({ name, type, description }) {
      const path = `/projects/${PROJECT}/features`;
      const response = await call('POST', path, { name, type, description });
      if (response.status === 409) return false;
      if (response.ok) return true;
      throw new UnleashError(
        `Unleash does not make the flag ${name} (${response.status}): ${(await response.text()).slice(0, 500)}`,
      );
    },
    async addRollout(flag, { share, groupId, stickiness }) {
      const parameters = { rollout: String(share), groupId, stickiness };
      await done('POST', `${environmentPath(flag)}/strategies`, { name: 'flexibleRollout', parameters });
    },
    async setShare(flag, strategy, share) {
      const change = [{ op: 'replace', path: '/parameters/rollout', value: String(share) }];
      await done('PATCH', `${environmentPath(flag)}/strategies/${strategy.id}`, change);
    },
    async removeStrategy(flag, strategy) {
      await done('DELETE', `${environmentPath(flag)}/strategies/${strategy.id}`);
    },
    async setEnabled(flag, enabled) {
      await done('POST', `${environmentPath(flag)}/${enabled ? 'on' : 'off'}`);
    },
    async describe(flag, description) {
      await done('PATCH', featurePath(flag), [{ op: 'replace', path: '/description', value: description }]);
    },
    async whoTurned(name) {
      const query = new URLSearchParams({ feature: `IS:${name}`, limit: '20' });
      const response = await call('GET', `/search/events?${query}`);
      const parsed = response.ok ? events.safeParse(await response.json().catch(() => undefined)) : undefined;
      const turned = parsed?.data?.events.find(({ type }) => /^feature-environment-(?:enabled|disabled)$/.test(type));
      return turned?.createdBy ?? 'somebody in the flag UI';
    },
  };
}

function flagsByName(found: z.infer<typeof exported>): ReadonlyMap<string, Flag> {
  const enabled = new Set(found.featureEnvironments.filter((each) => each.enabled).map((each) => each.featureName));
  return new Map(
    found.features.map(({ name, project, archived = false }) => {
      const strategies = found.featureStrategies
        .filter((each) => each.featureName === name)
        .map((each) => ({
          id: each.id,
          name: each.name,
          disabled: each.disabled ?? false,
          parameters: each.parameters,
          narrowed: each.constraints.length > 0 || (each.segments ?? []).length > 0,
        }));
      return [name, { name, project, archived, enabled: enabled.has(name) && !archived, strategies }];
    }),
  );
}

function causeOf(error: unknown): string {
  const { cause, message } = error as Error & { cause?: Error & { code?: string } };
  return cause?.code ?? cause?.message ?? message;
}
