import { relative } from 'node:path';
import { addresses, databaseUrls, type Plan } from './parts.ts';
import { colours } from './screen.ts';

/** The line of `npm start -- --json`. Its keys are documented in stack/README.md. */
export function readyJson(plan: Plan, missing: readonly string[]) {
  const { proxyAdmin, ...urls } = addresses(plan);
  const { monolith, catalog } = databaseUrls(plan);
  return {
    ready: true,
    seconds: seconds(),
    urls: { ...urls, proxy_admin: proxyAdmin },
    flags_user: plan.credentials.unleash.user,
    flags_password: plan.credentials.unleash.password,
    databases: { monolith, catalog },
    not_ready: missing,
    pid: process.pid,
    state: plan.folder.path,
  };
}

/** What a person sees when all is ready. */
export function readyText(plan: Plan, missing: readonly string[], stream: NodeJS.WriteStream): string {
  const colour = colours(stream);
  const url = addresses(plan);
  const { user, password } = plan.credentials.unleash;
  const place = (name: string, address: string, about: string) =>
    `  ${name.padEnd(14)}  ${colour('cyan', address)}  ${colour('dim', about)}`;
  const state = relative(process.cwd(), plan.folder.path) || '.';
  return [
    '',
    `  ${colour('bold', `Ready in ${seconds()} s.`)}`,
    ...(missing.length > 0
      ? [colour('yellow', `  Still trying: ${missing.join(', ')}. The shop does without; see ${state}/logs.`)]
      : []),
    '',
    place('Shop', url.shop, 'through the proxy'),
    place('Flags', url.flags, `log in as ${user}, password ${password}`),
    place('Proxy', url.proxyAdmin, 'routes, stages, and how the answers of both sides compare'),
    place('Monolith', url.monolith, 'the shop without the proxy'),
    place('Catalog', url.catalog, 'the service, without the proxy'),
    place('Change stream', `${url.cdc}/status`, 'its position and lag; or: npx cdc status'),
    '',
    `  ${colour('bold', 'Three things to try')}`,
    `  1. Move a route. In the flag UI turn on catalog.product.serve (development), and see who answers:`,
    `       curl -s -o /dev/null -D - ${url.shop}/api/products/7 | grep -i x-served-by`,
    `  2. Follow a row. Change a product at ${url.shop}/admin/products (admin@shop.example, password admin),`,
    '     and read it from the service a moment later:',
    `       curl -s ${url.catalog}/api/products/7`,
    `  3. Compare. Turn on catalog.product.shadow, open a few products in the shop, and look at`,
    `       ${url.proxyAdmin}`,
    '',
    colour('dim', `  Logs: ${state}/logs   Stop: Ctrl-C   Forget everything: npm run reset`),
    '',
  ].join('\n');
}

/** Since this process began, to a tenth. */
function seconds(): number {
  return Math.round(performance.now() / 100) / 10;
}
