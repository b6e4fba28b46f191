/**
 * A place at which a test or the drill ends the control plane, as `kill -9` would. `before-<step>` is once everything up
 * to the step is durable, `after-<step>` once the step itself is and nobody has been told.
 */
export type Failpoint =
  `${'before' | 'after'}-${'hold' | 'fence' | 'drain' | 'check' | 'flip' | 'open' | 'release' | 'undo'}`;

/**
 * Ends the process the n-th time that it passes the place which `STRANGLER_CONTROL_FAILPOINT` names, as `after-fence:1`.
 * Read once; without it this does nothing.
 */
export const failpoint: (place: Failpoint) => void = armed(process.env.STRANGLER_CONTROL_FAILPOINT);

function armed(setting: string | undefined): (place: Failpoint) => void {
  if (!setting) return () => {};
  const [name, count = '1'] = setting.split(':');
  let passes = Number(count);
  return (place) => {
    if (place === name && --passes === 0) process.kill(process.pid, 'SIGKILL');
  };
}
