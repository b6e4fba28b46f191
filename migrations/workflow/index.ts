export { type DeclaredFlag, declaredFlags } from './declared-flags.ts';
export { type EnsuredFlag, type EnsureFlagsOptions, ensureFlags } from './ensure-flags.ts';
export * as guard from './guard/index.ts';
export { applyStage, type FlagChange, planStage, StageError, type WantedStage } from './set-stage.ts';
export { type FlagState, type ReadState, readStages, type Stage, type Stages, type WriteState } from './stages.ts';
export { openUnleash, type Unleash, type UnleashAccess, UnleashError } from './unleash.ts';
