import { join } from 'node:path';
import type { Credentials } from './credentials.ts';
import { prepareDatabases, sharedSchema, syncGrants, workflowGrants } from './databases.ts';
import type { Part, Service, Task } from './part.ts';
import type { Ports } from './ports.ts';
import { initCluster, type ProgramCall, serverCall, superuserUrl, untilAccepting } from './postgres.ts';
import { answersOk } from './ready.ts';
import { ROOT, type StateFolder } from './state-folder.ts';
import { unleashCall } from './unleash.ts';

/** What the parts of one system are made from. */
export interface Plan {
  readonly folder: StateFolder;
  readonly ports: Ports;
  readonly credentials: Credentials;
}

/** Where the parts find each other. Nothing in it is secret. */
export function addresses({ ports }: Plan) {
  const at = (port: number) => `http://127.0.0.1:${port}`;
  return {
    shop: at(ports.shop),
    monolith: at(ports.monolith),
    flags: at(ports.flags),
    catalog: at(ports.catalog),
    proxyAdmin: at(ports.proxyAdmin),
    cdc: at(ports.cdc),
    control: at(ports.control),
  };
}

/** The databases, as each is reached by a role. */
export function databaseUrls({ ports, credentials }: Plan) {
  const { databaseRoles } = credentials;
  const at = (port: number, role: keyof typeof databaseRoles, database: string) =>
    `postgres://${role}:${databaseRoles[role]}@127.0.0.1:${port}/${database}`;
  return {
    monolith: at(ports.postgresMonolith, 'monolith', 'monolith'),
    monolithForCdc: at(ports.postgresMonolith, 'cdc', 'monolith'),
    catalog: at(ports.postgresServices, 'catalog', 'catalog'),
    catalogForCdc: at(ports.postgresServices, 'cdc', 'catalog'),
    unleash: at(ports.postgresServices, 'unleash', 'unleash'),
    monolithForProxy: at(ports.postgresMonolith, 'proxy', 'monolith'),
    catalogForProxy: at(ports.postgresServices, 'proxy', 'catalog'),
    monolithForControl: at(ports.postgresMonolith, 'strangler_workflow', 'monolith'),
    catalogForControl: at(ports.postgresServices, 'strangler_workflow', 'catalog'),
    control: at(ports.postgresServices, 'strangler_workflow', 'strangler'),
    monolithAdministrator: at(ports.postgresMonolith, 'postgres', 'monolith'),
    catalogAdministrator: at(ports.postgresServices, 'postgres', 'catalog'),
  };
}

/**
 * Unleash sets its database up in some three hundred small transactions, and waiting for the disk at each is half of a
 * first start. What may be lost so is the last moment before a power cut, never what a crash of a process interrupts.
 */
const HUNDREDS_OF_MIGRATIONS = 'ALTER DATABASE unleash SET synchronous_commit = off';

/** Compiled JavaScript, kept between starts and shared by all parts (Node's module.enableCompileCache). */
const COMPILE_CACHE = join(ROOT, 'node_modules/.cache/strangler-compiled');

/** The folder of the migrations' declarations. */
export const MIGRATIONS = join(ROOT, 'migrations');

/** Everything that runs, in the order in which a person would tell it. */
export function describeParts(plan: Plan): Part[] {
  const { folder, ports, credentials } = plan;
  const { databaseRoles, unleash, control } = credentials;
  const url = addresses(plan);
  const database = databaseUrls(plan);
  const flagClient = { UNLEASH_URL: `${url.flags}/api`, UNLEASH_TOKEN: unleash.clientToken };

  return [
    postgres(plan, {
      name: 'postgres-monolith',
      about: "the monolith's PostgreSQL",
      port: ports.postgresMonolith,
      dataDir: folder.postgresMonolith,
      settle: (superuser) =>
        prepareDatabases(
          superuser,
          [
            { name: 'monolith', password: databaseRoles.monolith },
            { name: 'cdc', password: databaseRoles.cdc, replication: true },
            { name: 'proxy', password: databaseRoles.proxy },
            { name: 'strangler_workflow', password: databaseRoles.strangler_workflow },
          ],
          [{ name: 'monolith', owner: 'monolith', grants: grantsOf('monolith', 'monolith') }],
        ),
    }),
    postgres(plan, {
      name: 'postgres-services',
      about: "the services' PostgreSQL",
      port: ports.postgresServices,
      dataDir: folder.postgresServices,
      settle: (superuser) =>
        prepareDatabases(
          superuser,
          [
            { name: 'catalog', password: databaseRoles.catalog },
            { name: 'unleash', password: databaseRoles.unleash },
            { name: 'cdc', password: databaseRoles.cdc, replication: true },
            { name: 'proxy', password: databaseRoles.proxy },
            { name: 'strangler_workflow', password: databaseRoles.strangler_workflow },
          ],
          [
            { name: 'strangler', owner: 'strangler_workflow' },
            { name: 'catalog', owner: 'catalog', grants: grantsOf('catalog', 'catalog') },
            { name: 'unleash', owner: 'unleash', grants: [HUNDREDS_OF_MIGRATIONS] },
          ],
        ),
    }),
    task('monolith-schema', "the shop's tables", ['postgres-monolith'], () =>
      node('monolith/src/migrate.ts', { DATABASE_URL: database.monolith }),
    ),
    task('monolith-data', "the shop's products, users and orders", ['monolith-schema'], () =>
      node('monolith/src/seed.ts', { DATABASE_URL: database.monolith }),
    ),
    task('catalog-schema', "the catalog service's tables", ['postgres-services'], () =>
      node('extracted/catalog/src/migrate.ts', { DATABASE_URL: database.catalog }),
    ),
    server({
      name: 'monolith',
      about: 'the shop',
      needs: ['monolith-data'],
      program: () =>
        node('monolith/src/main.ts', {
          DATABASE_URL: database.monolith,
          PORT: String(ports.monolith),
          TRUST_PROXY: 'loopback',
        }),
      readyUrl: `${url.monolith}/readyz`,
    }),
    server({
      name: 'catalog',
      about: 'the first service taken out of it',
      needs: ['catalog-schema'],
      program: () =>
        node('extracted/catalog/src/main.ts', {
          DATABASE_URL: database.catalog,
          PORT: String(ports.catalog),
          // Who is asking it is told by the proxy, and by nobody else.
          IDENTITY_JWKS_URL: `${url.proxyAdmin}/.well-known/jwks.json`,
          IDENTITY_ISSUER: 'strangler-proxy',
          IDENTITY_AUDIENCE: 'catalog',
        }),
      readyUrl: `${url.catalog}/readyz`,
    }),
    server({
      name: 'unleash',
      about: 'feature flags and their UI',
      needs: ['postgres-services'],
      // Flags are wishes: without them everything stays as it was, and the shop goes on.
      essential: false,
      program: () => unleashCall({ databaseUrl: database.unleash, port: ports.flags, ...unleash }, COMPILE_CACHE),
      readyUrl: `${url.flags}/health`,
    }),
    {
      ...task(
        'flags',
        'a flag for each declared route, a guard on each table',
        ['unleash', 'monolith-data', 'catalog-schema'],
        () =>
          node(
            'migrations/workflow/cli.ts',
            {
              STRANGLER_MIGRATIONS: MIGRATIONS,
              UNLEASH_URL: `${url.flags}/api`,
              UNLEASH_ADMIN_TOKEN: unleash.adminToken,
              STRANGLER_DATABASE_MONOLITH: database.monolithAdministrator,
              STRANGLER_DATABASE_CATALOG: database.catalogAdministrator,
            },
            ['create'],
          ),
      ),
      essential: false,
    },
    server({
      name: 'cdc',
      about: "carries the monolith's changes to the services",
      needs: ['monolith-data', 'catalog-schema'],
      program: () =>
        node(
          'cdc/src/cli.ts',
          {
            STRANGLER_MIGRATIONS: MIGRATIONS,
            STRANGLER_DATABASE_MONOLITH: database.monolithForCdc,
            STRANGLER_DATABASE_CATALOG: database.catalogForCdc,
            // Whoever wrote stays with the owner until the position says that the write has arrived.
            STRANGLER_CDC_IDLE_MS: '1000',
            PORT: String(ports.cdc),
          },
          ['run'],
        ),
      readyUrl: `${url.cdc}/readyz`,
    }),
    server({
      name: 'control',
      about: 'who owns the writes, and the way from one owner to the other',
      needs: ['monolith-data', 'catalog-schema'],
      uses: ['unleash'],
      program: () =>
        node(
          'migrations/workflow/cli.ts',
          {
            STRANGLER_MIGRATIONS: MIGRATIONS,
            STRANGLER_CONTROL_DATABASE: database.control,
            STRANGLER_CONTROL_TOKEN: control.token,
            STRANGLER_CONTROL_PROXY_TOKEN: control.proxyToken,
            STRANGLER_DATABASE_MONOLITH: database.monolithForControl,
            STRANGLER_DATABASE_CATALOG: database.catalogForControl,
            STRANGLER_CDC: join(ROOT, 'cdc/src/cli.ts'),
            STRANGLER_CDC_DATABASE_MONOLITH: database.monolithForCdc,
            STRANGLER_CDC_DATABASE_CATALOG: database.catalogForCdc,
            STRANGLER_APPLICATIONS: 'shop,catalog',
            ...gates(),
            UNLEASH_ADMIN_URL: url.flags,
            UNLEASH_ADMIN_TOKEN: unleash.adminToken,
            PORT: String(ports.control),
          },
          ['control'],
        ),
      readyUrl: `${url.control}/readyz`,
    }),
    server({
      name: 'proxy',
      about: 'what shoppers talk to',
      // It could start first. But Unleash takes longest, and on two cores whoever can wait should let it go ahead.
      needs: ['monolith-data'],
      uses: ['monolith', 'catalog', 'unleash', 'control'],
      program: () =>
        node('strangler-proxy/src/cli.ts', {
          STRANGLER_MIGRATIONS: MIGRATIONS,
          STRANGLER_UPSTREAM_MONOLITH: url.monolith,
          STRANGLER_UPSTREAM_CATALOG: url.catalog,
          STRANGLER_DATABASE_MONOLITH: database.monolithForProxy,
          STRANGLER_DATABASE_CATALOG: database.catalogForProxy,
          STRANGLER_IDENTITY: join(MIGRATIONS, 'identity.ts'),
          STRANGLER_STATE: folder.proxy,
          STRANGLER_CONTROL_URL: url.control,
          STRANGLER_CONTROL_TOKEN: control.proxyToken,
          STRANGLER_PROXY_NAME: 'proxy',
          PORT: String(ports.shop),
          ADMIN_PORT: String(ports.proxyAdmin),
          ...flagClient,
        }),
      readyUrl: `${url.proxyAdmin}/readyz`,
    }),
  ];
}

/** What has to hold before a cut-over, where somebody wants it other than by default. */
function gates(): Record<string, string> {
  const given = Object.entries(process.env).filter(([name, value]) => name.startsWith('STRANGLER_GATE_') && value);
  return Object.fromEntries(given) as Record<string, string>;
}

/** What our own parts may in a database that rows leave or reach. */
function grantsOf(database: string, owner: string): string[] {
  return [
    ...syncGrants(database, owner, 'cdc'),
    ...sharedSchema(database, owner, 'cdc', 'proxy'),
    ...workflowGrants(database, owner, 'cdc', 'strangler_workflow'),
  ];
}

interface PostgresDescription {
  readonly name: string;
  readonly about: string;
  readonly port: number;
  readonly dataDir: string;
  readonly settle: (superuser: (database: string) => string) => Promise<void>;
}

function postgres({ credentials }: Plan, { name, about, port, dataDir, settle }: PostgresDescription): Service {
  const password = credentials.databaseRoles.postgres;
  return {
    kind: 'service',
    name,
    about,
    needs: [],
    essential: true,
    prepare: () => initCluster(dataDir, password),
    // Changes that nobody fetches are kept for a while, not until the disk is full.
    program: () => serverCall(dataDir, port, { max_slot_wal_keep_size: '10GB' }),
    ready: () => untilAccepting(superuserUrl(port, password), () => undefined, 0).then(() => true),
    settle: () => settle((database) => superuserUrl(port, password, database)),
    // PostgreSQL's fast shutdown: clients are disconnected, everything committed is on disk.
    stop: { signal: 'SIGINT', withinMs: 10_000 },
  };
}

interface ServerDescription extends Pick<Service, 'name' | 'about' | 'needs' | 'program'> {
  readonly uses?: readonly string[];
  readonly essential?: boolean;
  readonly readyUrl: string;
}

function server({ readyUrl, essential = true, ...description }: ServerDescription): Service {
  return {
    kind: 'service',
    essential,
    ready: (signal) => answersOk(readyUrl, signal),
    stop: { signal: 'SIGTERM', withinMs: 10_000 },
    ...description,
  };
}

function task(name: string, about: string, needs: readonly string[], program: () => ProgramCall): Task {
  return { kind: 'task', essential: true, name, about, needs, program };
}

/** A program of this project, with no more of our environment than it needs. */
function node(path: string, env: Readonly<Record<string, string>>, args: readonly string[] = []): ProgramCall {
  return {
    command: process.execPath,
    args: [join(ROOT, path), ...args],
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      TZ: process.env.TZ,
      LOG_LEVEL: process.env.LOG_LEVEL,
      NODE_COMPILE_CACHE: COMPILE_CACHE,
      ...env,
    },
  };
}
