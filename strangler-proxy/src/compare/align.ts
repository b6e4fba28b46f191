import { equalUnder, type ItemPairs } from './equality.ts';
import type { Json } from './json-value.ts';
import { below, type RuleNode } from './rules.ts';

/**
 * Pairs the items of an array whose order counts. In arrays of one length place decides; in others, what is equal at both
 * ends belongs together, as an item that is gone from the middle shifts the rest.
 */
export function alignItems(
  control: readonly Json[],
  candidate: readonly Json[],
  rules: RuleNode | undefined,
): ItemPairs {
  const shorter = Math.min(control.length, candidate.length);
  const equalAt = (left: number, right: number) => equalUnder(control[left]!, candidate[right]!, below(rules, left));
  let head = control.length === candidate.length ? shorter : 0;
  while (head < shorter && equalAt(head, head)) {
    head++;
  }
  let tail = 0;
  while (tail < shorter - head && equalAt(control.length - 1 - tail, candidate.length - 1 - tail)) {
    tail++;
  }
  const pairs: (readonly [number, number])[] = [];
  for (let index = 0; index < shorter - tail; index++) {
    pairs.push([index, index]);
  }
  for (let back = tail; back > 0; back--) {
    pairs.push([control.length - back, candidate.length - back]);
  }
  const between = (length: number) => Array.from({ length: length - shorter }, (_, index) => shorter - tail + index);
  return { pairs, missing: between(control.length), extra: between(candidate.length) };
}
