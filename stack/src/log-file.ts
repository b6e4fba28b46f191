import { closeSync, fstatSync, openSync, renameSync, writeSync } from 'node:fs';

const BYTES_MAX = 10 * 1024 * 1024;

/** A log that never takes more than twice its bound on disk: `name.log`, and `name.1.log` with what came before. */
export interface LogFile {
  readonly path: string;
  write(chunk: Buffer | string): void;
  close(): void;
}

/** Opens a log for appending. A full disk loses lines and nothing else. */
export function openLog(path: string, bytesMax = BYTES_MAX): LogFile {
  let descriptor = openSync(path, 'a', 0o600);
  let size = fstatSync(descriptor).size;
  return {
    path,
    write(chunk) {
      try {
        if (size > 0 && size + Buffer.byteLength(chunk) > bytesMax) {
          closeSync(descriptor);
          renameSync(path, path.replace(/\.log$/, '.1.log'));
          descriptor = openSync(path, 'a', 0o600);
          size = 0;
        }
        size += writeSync(descriptor, Buffer.from(chunk));
      } catch (error) {
        const code = (error as NodeJS.ErrnoException).code;
        if (code !== 'ENOSPC' && code !== 'EDQUOT') throw error;
      }
    },
    close: () => closeSync(descriptor),
  };
}
