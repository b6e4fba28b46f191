#!/usr/bin/env node
import { runCommand } from './command/run.ts';
import { processTerminal } from './command/terminal.ts';

// Whoever reads the output may have read enough (`strangler status | head -1`).
process.stdout.on('error', () => process.exit(1));
process.exitCode = await runCommand(process.argv.slice(2), process.env, processTerminal());
