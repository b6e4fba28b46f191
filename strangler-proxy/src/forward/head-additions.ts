/** Field names and values in turn. */
export type Fields = readonly string[];

/**
 * What the proxy adds to the head of one answer besides what every answer gets, asked for before the client sees any of
 * it. Neither method throws.
 */
export interface HeadAdditions {
  /**
   * The head of the upstream's answer has come. A promise holds the answer back, so it bounds itself; it never rejects.
   */
  answered(): Fields | Promise<Fields>;
  /**
   * The proxy is about to answer by itself, as no upstream did.
   *
   * @param wasSent whether an upstream may have received some of the request
   */
  failed(wasSent: boolean): Fields;
}

export const NO_FIELDS: Fields = [];

/** Several of them as one; undefined for none. */
export function joinAdditions(all: readonly HeadAdditions[]): HeadAdditions | undefined {
  if (all.length < 2) return all[0];
  return {
    answered: async () => (await Promise.all(all.map((one) => one.answered()))).flat(),
    failed: (wasSent) => all.flatMap((one) => one.failed(wasSent)),
  };
}
