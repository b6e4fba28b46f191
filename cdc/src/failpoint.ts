/**
 * A place at which the crash drill or a test ends this process, as `kill -9` would.
 *
 * | name | where |
 * |---|---|
 * | `load` | a table of the initial load is copied, nothing is committed |
 * | `loaded` | the initial load is committed, the stream has not begun |
 * | `capture` | changes have arrived, none of them is applied |
 * | `commit` | a batch and its position are written, not committed |
 * | `committed` | a batch is committed, not acknowledged |
 * | `acknowledged` | a batch is acknowledged |
 * | `park` | a dead letter is written, not committed |
 * | `replay` | dead letters are replayed, not committed |
 * | `repair` | rows of a reconciliation or a backfill are written, not committed |
 */
export type Failpoint =
  | 'load'
  | 'loaded'
  | 'capture'
  | 'commit'
  | 'committed'
  | 'acknowledged'
  | 'park'
  | 'replay'
  | 'repair';

/**
 * Ends the process the n-th time that it passes the place which `STRANGLER_CDC_FAILPOINT` names, as `commit:3`. Only the
 * drill and the tests set that; it is read once, and without it this does nothing.
 */
export const failpoint: (place: Failpoint) => void = armed(process.env.STRANGLER_CDC_FAILPOINT);

function armed(setting: string | undefined): (place: Failpoint) => void {
  if (!setting) return () => {};
  const [name, count = '1'] = setting.split(':');
  let passes = Number(count);
  return (place) => {
    if (place === name && --passes === 0) process.kill(process.pid, 'SIGKILL');
  };
}
