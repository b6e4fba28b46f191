import { defineMigration, read, write } from 'strangler-migrations/define';

/** Routes as a shop has them, so that matching has something to do. */
export default defineMigration({
  capability: 'bench',
  routes: {
    list: read('GET /api/products'),
    product: read('GET /api/products/:id'),
    search: read('GET /api/search'),
    categories: read('GET /api/categories'),
    category: read('GET /api/categories/:code'),
    create: write('POST /api/admin/products'),
    update: write('PUT /api/admin/products/:id'),
  },
  tables: [],
});
