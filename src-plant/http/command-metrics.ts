import { Counter, type Registry } from 'prom-client';
import type { PlantCommands } from '../commands/commands.ts';

/** How the plant's commands end; how long a station waits is in the seconds of the call `station.unitData`. */
export function commandMetrics(registry: Registry, { commands }: { readonly commands: PlantCommands }): void {
  const ended = new Counter({
    name: 'flashline_commands_total',
    help: 'Uses of the plant’s commands, and requests that had none, by how they ended',
    labelNames: ['command', 'end'] as const,
    registers: [registry],
    collect() {
      this.reset();
      for (const { command, end, count } of commands.counts()) this.inc({ command, end }, count);
    },
  });
  ended.reset();
}
