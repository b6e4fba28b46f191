/** Asks again and again until the answer is the wanted one. @throws Error with the last answer at the deadline. */
export async function until<T>(
  ask: () => Promise<T> | T,
  wanted: (answer: T) => boolean,
  options: { readonly withinMs: number; readonly everyMs?: number },
): Promise<T> {
  const deadline = Date.now() + options.withinMs;
  for (;;) {
    const answer = await ask();
    if (wanted(answer)) return answer;
    if (Date.now() > deadline) {
      throw new Error(`not within ${options.withinMs} ms; the last answer was ${JSON.stringify(answer)}`);
    }
    await new Promise((wake) => setTimeout(wake, options.everyMs ?? 50));
  }
}
