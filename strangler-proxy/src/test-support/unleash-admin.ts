/** As much of a running Unleash as its admin API is reached by. */
export interface UnleashAddress {
  readonly url: string;
  readonly adminToken: string;
}

/** Calls the admin API below the features of the default project, as the admin UI does. @throws Error with its answer */
export async function unleashAdmin(
  { url, adminToken }: UnleashAddress,
  method: string,
  path: string,
  body?: object,
): Promise<unknown> {
  const answer = await fetch(`${url}/api/admin/projects/default/features${path}`, {
    method,
    headers: { Authorization: adminToken, 'Content-Type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
  return text === '' ? undefined : JSON.parse(text);
}
