/**
 * The second engine carries what the first carries, so it passes the same tests. They are imported, not copied: what is
 * asked of one is asked of both.
 */
import { useEngine } from '../test-support/servers.ts';

useEngine('undici');
await import('./exchange.test.ts');
await import('./failing-upstreams.test.ts');
