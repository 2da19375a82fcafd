import { Command } from 'commander';
import type { CliContext, ExitCode } from './command.ts';
export function benchCommand(_context: CliContext, _end: (code: ExitCode) => void): Command {
  return new Command('bench').description('the virtual bench');
}
