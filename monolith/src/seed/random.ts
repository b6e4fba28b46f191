/** A source of numbers that look random and are the same for the same seed. */
export interface Random {
  /** From 0, below 1. */
  number(): number;
  /** A whole number, both ends included. */
  integer(least: number, most: number): number;
  pick<T>(list: readonly T[]): T;
  chance(probability: number): boolean;
}

/** Mulberry32: small, quick, and good enough for a shop's past. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const number = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
  const integer = (least: number, most: number) => least + Math.floor(number() * (most - least + 1));
  return {
    number,
    integer,
    pick: (list) => list[integer(0, list.length - 1)]!,
    chance: (probability) => number() < probability,
  };
}
