import { PrismaPg } from '@prisma/adapter-pg';
import {
  type ApiDocument,
  type CommonConfiguration,
  createPool,
  type Logger,
  loadDocument,
  type RunningService,
  startService,
} from '@shop/chassis';
import { PrismaClient } from '../generated/client.ts';
import { catalogOperations } from './operations.ts';
import { hasTwoPlaces } from './product-input.ts';
import { createRepository } from './repository.ts';
import { contractAnswers, contractHeaders } from './shop-answers.ts';

/** The service's OpenAPI document. */
export function loadCatalogDocument(): Promise<ApiDocument> {
  const formats = { 'two-places': { type: 'number', validate: hasTwoPlaces } } as const;
  return loadDocument(new URL('../openapi.yaml', import.meta.url), formats);
}

/** Starts the catalog service. It starts without its database, too, and is unready until that can be reached. */
export async function startCatalog(
  configuration: CommonConfiguration & { readonly PORT: number },
  log: Logger,
): Promise<RunningService> {
  const pool = createPool(configuration.DATABASE_URL.reveal(), 'catalog', log);
  const prisma = new PrismaClient({ adapter: new PrismaPg(pool), errorFormat: 'minimal' });
  return startService(
    {
      name: 'catalog',
      document: await loadCatalogDocument(),
      operations: catalogOperations(createRepository(prisma)),
      contractHeaders,
      contractAnswers,
      checks: { database: async () => void (await pool.query('SELECT 1 FROM product LIMIT 1')) },
      close: async () => {
        await prisma.$disconnect();
        await pool.end();
      },
    },
    configuration,
    log,
  );
}
