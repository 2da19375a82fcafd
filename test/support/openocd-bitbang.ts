import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * What OpenOCD says while it carries these commands out over our JTAG pins; `commands` begin with the scan chain's
 * `jtag newtap`. `failed` when it ended with an error.
 */
export async function openocdOverBitbang(
  port: number,
  commands: readonly string[],
): Promise<{ readonly said: string; readonly failed: boolean }> {
  const configuration = [
    'adapter driver remote_bitbang',
    'remote_bitbang host 127.0.0.1',
    `remote_bitbang port ${port}`,
    'transport select jtag',
    'gdb_port disabled',
    'tcl_port disabled',
    'telnet_port disabled',
    ...commands,
    'shutdown',
  ];
  const args = configuration.flatMap((command) => ['-c', command]);
  try {
    const { stdout, stderr } = await run('openocd', args, { timeout: 60_000 });
    return { said: stdout + stderr, failed: false };
  } catch (error) {
    if (!(error instanceof Error) || !('stderr' in error)) throw error;
    return { said: String(error.stderr), failed: true };
  }
}
