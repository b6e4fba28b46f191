/** Unleash's client API, as far as a client polls it, with canned flags (FLAGS): the real server would cost the peers' time. */
import { createServer } from 'node:http';

const flags: Record<string, number> = JSON.parse(process.env.FLAGS ?? '{}');
const features = Object.entries(flags).map(([name, rollout]) => ({
  name,
  type: 'release',
  enabled: true,
  strategies: [
    {
      name: 'flexibleRollout',
      parameters: { rollout: String(rollout), stickiness: 'default', groupId: 'bench' },
      constraints: [],
    },
  ],
}));

createServer((request, response) => {
  request.resume();
  response.setHeader('content-type', 'application/json');
  response.end(request.url?.startsWith('/api/client/features') ? JSON.stringify({ version: 2, features }) : '{}');
}).listen(Number(process.env.PORT), '127.0.0.1', () => process.stdout.write('ready\n'));
