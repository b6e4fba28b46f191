export type { ControlTap } from './control-tap.ts';
export type { NoisyPlace, Rate } from './noise.ts';
export type { CatchUp } from './recheck.ts';
export { defaultSampleLimits, type Sample, type SampleGroup, type SampleLimits, type SampleSide } from './samples.ts';
export { createShadow, type Shadow, type ShadowOptions, type ShadowStats } from './shadow.ts';
export { defaultShadowLimits, type ShadowLimits } from './shadow-limits.ts';
export type { ShadowRequest } from './shadow-request.ts';
export { type Parity, type RouteStats, type SkipCause, skipCauses } from './tally.ts';
