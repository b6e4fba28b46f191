import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { z } from 'zod';
import { type StateFolder, writePrivate } from './state-folder.ts';

const secret = z.string().min(8);

const credentialsSchema = z.object({
  /** Passwords of the database roles, by role. */
  databaseRoles: z.object({
    postgres: secret,
    monolith: secret,
    catalog: secret,
    unleash: secret,
    cdc: secret,
    proxy: secret,
    strangler_workflow: secret,
  }),
  /** What commands give the control plane, and what proxies do. */
  control: z.object({ token: secret, proxyToken: secret }),
  unleash: z.object({ user: z.string().min(1), password: secret, adminToken: secret, clientToken: secret }),
});

/** Everything secret that one state folder's system is made with. */
export type Credentials = z.output<typeof credentialsSchema>;

/**
 * The state folder's credentials; made, and kept, when there are none. A folder of an earlier version gets what it lacks.
 *
 * @throws Error when the file is damaged
 */
export function readOrMakeCredentials(folder: StateFolder): Credentials {
  const made = makeCredentials();
  if (existsSync(folder.credentials)) {
    const kept = JSON.parse(readFileSync(folder.credentials, 'utf8'));
    const databaseRoles = { ...made.databaseRoles, ...kept.databaseRoles };
    const complete = credentialsSchema.parse({ ...made, ...kept, databaseRoles });
    if (JSON.stringify(complete) === JSON.stringify(kept)) return complete;
    writePrivate(folder.credentials, complete);
    return complete;
  }
  writePrivate(folder.credentials, made);
  return made;
}

/** @throws Error when the file cannot be read or is not what {@link readOrMakeCredentials} wrote. */
export function readCredentials(folder: StateFolder): Credentials {
  return credentialsSchema.parse(JSON.parse(readFileSync(folder.credentials, 'utf8')));
}

function makeCredentials(): Credentials {
  const long = () => randomBytes(24).toString('hex');
  return {
    databaseRoles: {
      postgres: long(),
      monolith: long(),
      catalog: long(),
      unleash: long(),
      cdc: long(),
      proxy: long(),
      strangler_workflow: long(),
    },
    control: { token: long(), proxyToken: long() },
    unleash: {
      user: 'admin',
      // A person types this one.
      password: randomBytes(9).toString('base64url').replaceAll(/[-_]/g, 'x'),
      adminToken: `*:*.${long()}`,
      clientToken: `default:development.${long()}`,
    },
  };
}
