/**
 * What npm runs after each install: the Prisma clients are code, and code that is derived is not committed.
 */
import { generateCode, generators } from './generated-code.ts';

await generateCode(generators()).catch((error: Error) => {
  process.stderr.write(`Could not generate the database clients.\n${error.message}\n`);
  process.exitCode = 1;
});
