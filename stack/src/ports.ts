/** The ports of the system, each at a fixed distance from a base, so that a second system is one number away. */
export interface Ports {
  readonly base: number;
  readonly shop: number;
  readonly monolith: number;
  readonly flags: number;
  readonly catalog: number;
  readonly proxyAdmin: number;
  readonly cdc: number;
  readonly control: number;
  readonly postgresMonolith: number;
  readonly postgresServices: number;
}

const BASE_DEFAULT = 4_000;
const LAST_OFFSET = 11;
const PORT_MAX = 65_535;

/** The ports that `STRANGLER_PORT_BASE` asks for. @throws Error when that is no usable number. */
export function portsFrom(wanted: string | undefined = process.env.STRANGLER_PORT_BASE): Ports {
  const base = wanted ? Number(wanted) : BASE_DEFAULT;
  if (!Number.isInteger(base) || base < 1 || base > PORT_MAX - LAST_OFFSET) {
    throw new Error(`STRANGLER_PORT_BASE has to be a number from 1 to ${PORT_MAX - LAST_OFFSET}, not "${wanted}"`);
  }
  return {
    base,
    shop: base,
    monolith: base + 1,
    flags: base + 2,
    catalog: base + 3,
    proxyAdmin: base + 4,
    cdc: base + 5,
    control: base + 6,
    postgresMonolith: base + 10,
    postgresServices: base + 11,
  };
}

/** Which part listens on each port. */
export function partsByPort(ports: Ports): readonly (readonly [port: number, part: string])[] {
  return [
    [ports.shop, 'proxy'],
    [ports.monolith, 'monolith'],
    [ports.flags, 'unleash'],
    [ports.catalog, 'catalog'],
    [ports.proxyAdmin, 'proxy'],
    [ports.cdc, 'cdc'],
    [ports.control, 'control'],
    [ports.postgresMonolith, 'postgres-monolith'],
    [ports.postgresServices, 'postgres-services'],
  ];
}
