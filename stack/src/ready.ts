/** Whether a URL answers with a success status. Rejects when nothing answers. */
export async function answersOk(url: string, signal: AbortSignal): Promise<boolean> {
  const response = await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(2_000)]) });
  await response.arrayBuffer();
  return response.ok;
}
