import { isIP } from 'node:net';
import { z } from 'zod';

const integer = (least: number, most: number) =>
  z
    .string()
    .regex(/^\d{1,9}$/, `must be a whole number from ${least} to ${most}`)
    .transform(Number)
    .refine((value) => value >= least && value <= most, `must be a whole number from ${least} to ${most}`);

const Environment = z.object({
  DATABASE_URL: z
    .string({
      error: 'is required: where the shop keeps its data, such as postgres://user:password@127.0.0.1:5432/shop',
    })
    .regex(/^postgres(ql)?:\/\/./, 'must begin with postgres://'),
  PORT: integer(0, 65_535).default(3000),
  HOST: z.string().min(1, 'must be an address to listen on').default('127.0.0.1'),
  LOG_LEVEL: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], {
      error: 'must be trace, debug, info, warn, error, fatal or silent',
    })
    .default('info'),
  PAYMENT_FAILURE_RATE: z
    .string()
    .regex(/^(0(\.\d+)?|1(\.0+)?)$/, 'must be a decimal from 0 to 1')
    .transform(Number)
    .default(0),
  REPRICE_INTERVAL_SECONDS: integer(0, 86_400).default(0),
  TRUST_PROXY: z
    .string()
    .refine(
      (list) => list.split(',').every((entry) => isProxy(entry.trim())),
      'must be loopback, linklocal, uniquelocal or addresses such as 10.0.0.0/8, separated by commas',
    )
    .default(''),
});

function isProxy(entry: string): boolean {
  if (['loopback', 'linklocal', 'uniquelocal'].includes(entry)) return true;
  const [address = '', bits = '0', ...rest] = entry.split('/');
  return (
    isIP(address) !== 0 &&
    rest.length === 0 &&
    /^\d{1,3}$/.test(bits) &&
    Number(bits) <= (isIP(address) === 4 ? 32 : 128)
  );
}

/** What can be set from outside; README.md has the table. */
export interface Settings {
  readonly databaseUrl: string;
  readonly port: number;
  readonly host: string;
  readonly logLevel: string;
  /** Share of payments that the simulated provider fails besides those it always declines, 0 to 1. */
  readonly paymentFailureRate: number;
  /** 0 is never. */
  readonly repriceIntervalSeconds: number;
  /** Express's `trust proxy`: addresses or names whose `X-Forwarded-*` is believed; empty for nobody. */
  readonly trustProxy: string;
}

/** Reads the settings from environment variables. @throws Error that lists every fault at once. */
export function readSettings(environment: NodeJS.ProcessEnv): Settings {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
  const result = Environment.safeParse(given);
  if (!result.success) {
    const faults = result.error.issues.map((issue) => `  ${issue.path.join('.')} ${issue.message}`);
    throw new Error(`The environment is not right:\n${faults.join('\n')}`);
  }
  return {
    databaseUrl: result.data.DATABASE_URL,
    port: result.data.PORT,
    host: result.data.HOST,
    logLevel: result.data.LOG_LEVEL,
    paymentFailureRate: result.data.PAYMENT_FAILURE_RATE,
    repriceIntervalSeconds: result.data.REPRICE_INTERVAL_SECONDS,
    trustProxy: result.data.TRUST_PROXY,
  };
}
