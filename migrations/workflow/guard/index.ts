export { type Decision, decide, type Standing } from './decide.ts';
export { GuardBusy, type InstallOptions, installGuard, type Progress, removeGuard } from './install.ts';
export * from './ownership.ts';
export { DEFAULT_ROLES, type GuardPlan, type GuardRoles, guardPlan, type Side } from './plan.ts';
export { dismantle, dismantleShared, foundation, guardTable, type Step, unguardTable } from './sql.ts';
