export { type AdminOptions, createAdmin } from './admin.ts';
export type { AdminRoute } from './routes-view.ts';
