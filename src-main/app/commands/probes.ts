import type { Command } from 'commander';
import { listSerialPorts } from '../../link/serial-ports.ts';
import { chipsOf } from '../compose.ts';
import { BENCH_CHIPS } from '../../bench/bench.ts';
import { type CliContext, command, type CommonOptions, type ExitCode } from './command.ts';

interface ProbeEntry {
  readonly url: string;
  readonly serial: string | null;
  /** Where it is plugged in; null for what is not plugged in anywhere. */
  readonly port: string | null;
  readonly can: readonly string[];
  readonly description: string;
}

export function probesCommand(context: CliContext, end: (code: ExitCode) => void): Command {
  return command('probes', 'lists probes and ports: URL, serial, physical port, what they can do', [
    'probes',
    'probes --json',
  ]).action(async (options: CommonOptions) => {
    for (const probe of await findProbes(context)) {
      if (options.json) context.print(JSON.stringify({ type: 'probe', ...probe }));
      else context.print(`${probe.url.padEnd(44)} ${(probe.port ?? '-').padEnd(16)} ${probe.description}`);
    }
    if (!options.json) context.say('Any GDB server can be a probe too: gdb:tcp:<host>:<port> or gdb:unix:<path>.');
    end(0);
  });
}

async function findProbes(context: CliContext): Promise<ProbeEntry[]> {
  const ports = (await listSerialPorts({ platform: process.platform })).map((port) => ({
    url: `gdb:serial:${port.path}`,
    serial: port.serial ?? null,
    port: port.port,
    can: ['gdb'],
    description: [port.manufacturer, port.product, port.device].filter(Boolean).join(' '),
  }));
  const { chips } = await chipsOf(context.resources);
  const simulated = chips
    .filter(({ id }) => BENCH_CHIPS.some((known) => known === id))
    .map(({ id, name }) => ({
      url: `bench:${id}`,
      serial: null,
      port: null,
      can: ['swd'],
      description: `${name} on the virtual bench (simulated)`,
    }));
  return [...ports, ...simulated];
}
