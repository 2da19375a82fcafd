#!/usr/bin/env node
/**
 * The `flashline` command. Plain JavaScript for any Node from 18 on: it hands over to the pinned Node, which runs the
 * TypeScript as it stands. Signals and the exit code pass through.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const pinnedNode = join(root, 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node');

if (!existsSync(pinnedNode)) {
  process.stderr.write(
    `Flashline is not set up in ${root}: its own Node is missing.\nRun "npm start" or "npm install" there once.\n`,
  );
  process.exit(3);
}

/** What the sources compile to is kept from start to start: two fifths of the time that a command takes to begin. */
const compileCache = join(root, 'node_modules', '.cache', 'flashline', 'compiled');

/**
 * A heap that may have gigabytes grows to four times of what lives in it before V8 collects; one that may have 1 GiB to less than
 * twice. A plant server has 60 MiB that live: so the process stays 100 MiB smaller. Young space is named beside it: V8 would make
 * it larger for the smaller heap, and what lives in it is copied while everybody waits: with 16 MiB 4 to 8 ms, with 8 half of that.
 */
const flags = process.argv[2] === 'plant' ? ['--max-semi-space-size=8', '--max-old-space-size=1024'] : [];
const child = spawn(pinnedNode, [...flags, join(root, 'src-main', 'app', 'cli.ts'), ...process.argv.slice(2)], {
  stdio: 'inherit',
  env: { ...process.env, NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? compileCache },
});

// A terminal's Ctrl-C reaches the child by itself, as it shares the process group; a second delivery does no harm.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));

child.on('error', (error) => {
  process.stderr.write(`${pinnedNode} could not be started: ${error.message}\n`);
  process.exit(3);
});
child.on('exit', (code, signal) => process.exit(signal ? 128 + constants.signals[signal] : (code ?? 3)));
