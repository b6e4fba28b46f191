import type { z } from 'zod';

/** Reads and validates the process's environment; prints every fault at once and ends the process when there is one. */
export function readEnvironment<Schema extends z.ZodType>(schema: Schema): z.output<Schema> {
  const result = schema.safeParse(process.env);
  if (result.success) return result.data;
  for (const issue of result.error.issues) {
    const name = issue.path.join('.');
    const problem = process.env[name] === undefined ? 'is missing' : issue.message;
    process.stderr.write(`Environment variable ${name}: ${problem}\n`);
  }
  process.exit(1);
}
