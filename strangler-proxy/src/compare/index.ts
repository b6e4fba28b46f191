export type { Answer } from './answer.ts';
export { type CompareOptions, compareAnswers } from './compare-answers.ts';
export {
  type CompareLimits,
  type Comparison,
  type Difference,
  type DifferenceKind,
  defaultLimits,
  type Outcome,
  placeOf,
} from './comparison.ts';
export { type FormatOptions, formatComparison } from './format.ts';
export { uncomparedHeaders } from './headers.ts';
export { defaultRedaction, type Redaction, redactTarget } from './redact.ts';
export { type CompiledRules, compileRules } from './rules.ts';
export { type SideBySide, type SideBySideRow, sideBySide } from './side-by-side.ts';
