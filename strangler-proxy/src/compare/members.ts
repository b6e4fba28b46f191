import type { Json, JsonObject } from './json-value.ts';

/** Members of two objects under one name; a name that occurs n times is paired in the order of its occurrence. */
export interface MemberPair {
  readonly key: string;
  readonly control?: Json;
  readonly candidate?: Json;
}

/** The members of both objects: the control's in their order, then what only the candidate has. */
export function pairMembers(control: JsonObject, candidate: JsonObject): readonly MemberPair[] {
  const places = new Map<string, number[]>();
  candidate.keys.forEach((key, index) => {
    const known = places.get(key);
    if (known === undefined) {
      places.set(key, [index]);
    } else {
      known.push(index);
    }
  });
  const pairs: MemberPair[] = control.keys.map((key, index) => {
    const place = places.get(key)?.shift();
    const value = control.values[index]!;
    return place === undefined ? { key, control: value } : { key, control: value, candidate: candidate.values[place]! };
  });
  for (const [key, left] of places) {
    for (const place of left) {
      pairs.push({ key, candidate: candidate.values[place]! });
    }
  }
  return pairs;
}
