import type { Migration, TableName } from 'strangler-migrations/define';

/** Which of the two databases of a capability. */
export type Side = 'monolith' | 'service';

/** What a guard is made of, on one side. */
export interface GuardPlan {
  readonly capability: string;
  readonly side: Side;
  /** The capability's own tables here: who is not the owner may not write them. */
  readonly owned: readonly TableName[];
  /** Copies of tables that stay the monolith's: only the sync may write them. None on the monolith's side. */
  readonly followed: readonly TableName[];
  /** Owns the guard's tables and functions, which run with its rights. It has no others, and cannot log in. */
  readonly ownerRole: string;
  /** May call the guard's functions, and nothing else. It has to exist. */
  readonly workflowRole: string;
  /** Who applies the changes of the other side, as they log in. */
  readonly syncRoles: readonly string[];
}

/** The roles that a guard deals with. */
export type GuardRoles = Pick<GuardPlan, 'ownerRole' | 'workflowRole' | 'syncRoles'>;

/** Roles by the names that they have unless somebody says otherwise. */
export const DEFAULT_ROLES: GuardRoles = {
  ownerRole: 'strangler_guard',
  workflowRole: 'strangler_workflow',
  syncRoles: ['cdc'],
};

/** The guard that a declaration asks for in one of its two databases. */
export function guardPlan(migration: Migration, side: Side, roles: GuardRoles = DEFAULT_ROLES): GuardPlan {
  const end = side === 'monolith' ? 'source' : 'target';
  return {
    capability: migration.capability,
    side,
    owned: migration.tables.map((mapping) => mapping[end]),
    followed: side === 'service' ? migration.follows.map((mapping) => mapping[end]) : [],
    ...roles,
  };
}

/** The capability's part of the names of what it has of its own: `order_history` for `order-history`. */
export function guardName(capability: string): string {
  return capability.replaceAll('-', '_');
}

/** The name of the trigger on each guarded table. */
export function triggerName(capability: string): string {
  return `strangler_guard_${guardName(capability)}`;
}
