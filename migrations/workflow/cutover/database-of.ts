/** The URL of a database. @throws Error saying which variable is missing. */
export function databaseOf(databases: Readonly<Record<string, string>>, name: string): string {
  const url = databases[name];
  if (url !== undefined) return url;
  const variable = `STRANGLER_DATABASE_${name.toUpperCase().replaceAll('-', '_')}`;
  throw new Error(`${variable} is missing: the postgres:// URL of the database of ${name}`);
}
