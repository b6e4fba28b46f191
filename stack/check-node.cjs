// Plain JavaScript that any Node reads: it runs before the first TypeScript file, on whatever `node` is in the PATH.
const [major, minor] = process.versions.node.split('.').map(Number);
const runsTypeScript = major > 22 || (major === 22 && minor >= 18);

if (!runsTypeScript) {
  console.error(
    [
      `This project runs on Node 24; ${process.execPath} is ${process.version}.`,
      `npm carries a Node for Linux and macOS, but none was installed here (${process.platform}-${process.arch}).`,
      'Fix: install without --omit=optional, or install Node 24 yourself, and run npm ci again.',
    ].join('\n'),
  );
  process.exit(1);
}
