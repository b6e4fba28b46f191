import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** What Maven brought, proved to be what this repository was tested with. */
export interface KafkaArtifacts {
  /** The folder of the jars of Kafka and Kafka Connect. */
  readonly jars: string;
  /** Debezium's archive, to be unpacked under a worker's `plugin.path`. */
  readonly pluginArchive: string;
}

const PROJECT = fileURLToPath(new URL('../../kafka', import.meta.url));
const COPY = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies';
const MAVEN_WITHIN_MS = 10 * 60_000;
const run = promisify(execFile);

/** Java and Maven are not there, or not usable; the message says what to install. */
export class ToolMissing extends Error {
  override readonly name = 'ToolMissing';
}

/**
 * The folder in which the artifacts are kept between runs: `STRANGLER_CACHE`, else `strangler` in the user's cache folder
 * (`XDG_CACHE_HOME`, `~/.cache`).
 */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  return env.STRANGLER_CACHE || join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'strangler');
}

/**
 * Fetches Kafka and Debezium by Maven unless they are in the cache, and proves every file by its checksum, each time.
 *
 * @throws {ToolMissing} without Java 17 or Maven. Error when Maven fails, or a file is not the one that was committed to.
 */
export async function fetchArtifacts(say: (line: string) => void = () => {}): Promise<KafkaArtifacts> {
  await requireTool('java', ['-version'], 'Java 17 or later (Debian, Ubuntu: apt-get install openjdk-17-jre-headless)');
  const sums = parseSums(await readFile(join(PROJECT, 'sha256sums.txt'), 'utf8'));
  const recipe = createHash('sha256')
    .update(await readFile(join(PROJECT, 'pom.xml')))
    .digest('hex')
    .slice(0, 12);
  const folder = join(cacheFolder(), `kafka-${recipe}`);
  if (!(await isFolder(folder))) await fetchInto(folder, say);
  const wrong = await differences(folder, sums);
  if (wrong.length > 0) {
    throw new Error(
      `${folder} is not what stack/kafka/sha256sums.txt says: ${wrong.slice(0, 5).join('; ')}. ` +
        'Delete that folder and try again; if it stays so, the repository that Maven asks serves other files.',
    );
  }
  const archive = [...sums.keys()].find((name) => name.endsWith('-plugin.tar.gz'));
  if (!archive) throw new Error("stack/kafka/sha256sums.txt names no archive of Debezium's connector");
  return { jars: folder, pluginArchive: join(folder, archive) };
}

/** Made beside its place and then renamed, so that a cache is there whole or not at all. */
async function fetchInto(folder: string, say: (line: string) => void): Promise<void> {
  await requireTool('mvn', ['-version'], 'Maven (Debian, Ubuntu: apt-get install maven)');
  say('fetching Kafka and Debezium by Maven, once (80 MB)');
  await mkdir(cacheFolder(), { recursive: true });
  const making = await mkdtemp(`${folder}.making.`);
  try {
    const args = ['-B', '-q', '-f', join(PROJECT, 'pom.xml'), COPY, `-DoutputDirectory=${join(making, 'jars')}`];
    await run('mvn', args, { timeout: MAVEN_WITHIN_MS, maxBuffer: 16 * 1024 * 1024 }).catch((error) => {
      throw new Error(
        `Maven could not fetch Kafka and Debezium:\n${String(error.stdout || error.message).slice(-4_000)}`,
      );
    });
    // Another run may have been faster.
    await rename(join(making, 'jars'), folder).catch(async (error: NodeJS.ErrnoException) => {
      if (!(await isFolder(folder))) throw error;
    });
  } finally {
    await rm(making, { recursive: true, force: true });
  }
}

/** Name -> checksum, of the lines that `sha256sum` prints. */
export function parseSums(text: string): ReadonlyMap<string, string> {
  const sums = new Map<string, string>();
  for (const line of text.split('\n').filter((each) => each !== '')) {
    const parts = /^([0-9a-f]{64}) [ *]([A-Za-z0-9._-]+)$/.exec(line);
    if (!parts) throw new Error(`sha256sums.txt: not a line of sha256sum: ${JSON.stringify(line)}`);
    sums.set(parts[2]!, parts[1]!);
  }
  return sums;
}

/** What in a folder is not as the checksums say: a file too many counts as much as one that is missing or other. */
export async function differences(folder: string, sums: ReadonlyMap<string, string>): Promise<readonly string[]> {
  const names = await readdir(folder);
  const found: string[] = [];
  for (const name of names) {
    const expected = sums.get(name);
    if (expected === undefined) found.push(`${name} is not in the list`);
    else if ((await sha256(join(folder, name))) !== expected) found.push(`${name} has another checksum`);
  }
  for (const name of sums.keys()) if (!names.includes(name)) found.push(`${name} is missing`);
  return found;
}

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 1024 * 1024 }), hash);
  return hash.digest('hex');
}

async function requireTool(command: string, args: readonly string[], install: string): Promise<void> {
  try {
    await run(command, [...args]);
  } catch (cause) {
    throw new ToolMissing(`Kafka and Debezium need ${install}: "${command}" cannot be run here`, { cause });
  }
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
