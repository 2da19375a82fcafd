import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { ROOT } from '#test/support/cli.ts';

const VITE = join(ROOT, 'node_modules', 'vite', 'bin', 'vite.js');

/** What a crash in native code ends with; a build that is refused ends with a code. */
const CRASHES: ReadonlySet<string | null> = new Set(['SIGSEGV', 'SIGBUS']);

/**
 * Builds by a config of Vite's into a folder, as for production, in a process of its own: the bundler's native threads have crashed
 * the process that they are in after its build was done (rolldown, issue 10860), and no test should end by that. A build that ends
 * so is made once more.
 */
export async function bundle(config: string, outDir: string): Promise<void> {
  const crashed = await build(config, outDir);
  if (!crashed) return;
  process.stderr.write(`the bundler crashed (${config}); once more\n`);
  if (await build(config, outDir)) throw new Error(`the bundler crashed twice over ${config}`);
}

/** Whether it crashed; rejects when the build was refused. */
async function build(config: string, outDir: string): Promise<boolean> {
  const args = ['build', '--config', config, '--outDir', outDir, '--emptyOutDir', '--logLevel', 'warn'];
  const child = spawn(process.execPath, [VITE, ...args], {
    cwd: ROOT,
    // Vitest says "test", which would build React for development.
    env: { ...process.env, NODE_ENV: 'production' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (said += text));
  await once(child, 'close');
  if (CRASHES.has(child.signalCode)) return true;
  if (child.exitCode !== 0) throw new Error(`the build by ${config} ended with ${child.exitCode}: ${said}`);
  return false;
}
