/** One side's answer to a request, as it came from the wire. */
export interface Answer {
  readonly status: number;
  /** Names and values in turn, in their order, as Node and undici give them: `['Content-Type', 'text/html', ...]`. */
  readonly rawHeaders: readonly string[];
  /** The body as it was sent, `Content-Encoding` included. */
  readonly body: Buffer;
  /** The body went on beyond what was kept. */
  readonly truncated: boolean;
}

/** The values of a header in their order, one per field line: never split on commas. `name` is in lower case. */
export function headerValues(rawHeaders: readonly string[], name: string): readonly string[] {
  const values: string[] = [];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    if (rawHeaders[index]!.toLowerCase() === name) {
      values.push(rawHeaders[index + 1]!);
    }
  }
  return values;
}
