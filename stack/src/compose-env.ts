/** `node stack/src/compose-env.ts > .env`: what docker-compose.yml has no default for: fresh secrets, and the engine of capture. */
import { randomBytes } from 'node:crypto';

const secret = () => randomBytes(24).toString('hex');

const variables = {
  POSTGRES_PASSWORD: secret(),
  MONOLITH_PASSWORD: secret(),
  CATALOG_PASSWORD: secret(),
  UNLEASH_PASSWORD: secret(),
  CDC_PASSWORD: secret(),
  PROXY_PASSWORD: secret(),
  WORKFLOW_PASSWORD: secret(),
  CONTROL_TOKEN: secret(),
  CONTROL_PROXY_TOKEN: secret(),
  PROXY_PIN_KEY: secret(),
  FLAGS_PASSWORD: secret(),
  UNLEASH_ADMIN_TOKEN: `*:*.${secret()}`,
  UNLEASH_CLIENT_TOKEN: `default:development.${secret()}`,
  PROXY_ADMIN_TOKEN: secret(),
  // Or debezium, with docker compose --profile debezium.
  STRANGLER_CDC_ENGINE: 'embedded',
};

process.stdout.write(
  Object.entries(variables)
    .map(([name, value]) => `${name}=${value}\n`)
    .join(''),
);
