import type { Command } from 'commander';
import type { ProbeChange } from '../../link/hotplug.ts';
import { listSerialPorts, type SerialPortInfo } from '../../link/serial-ports.ts';
import { BENCH_CHIPS } from '../../bench/bench.ts';
import { chipsOf } from '../compose-chips.ts';
import { watchUsbProbes } from '../compose-probes.ts';
import { listPluggedIn, type PluggedIn } from '../plugged-in.ts';
import { chipSources, type CliContext, command, type CommonOptions, type ExitCode } from './command.ts';

interface ProbeEntry {
  readonly url: string;
  readonly serial: string | null;
  /** Where it is plugged in; null for what is not plugged in anywhere. */
  readonly port: string | null;
  readonly can: readonly string[];
  /** Code of the failure that using it would end with; null when nothing is wrong. */
  readonly problem: string | null;
  readonly description: string;
}

interface ProbesOptions extends CommonOptions {
  readonly watch?: boolean;
}

const PROBLEMS = { ok: null, denied: 'probe-permission', busy: 'probe-busy' } as const;
const PROBLEM_WORDS = {
  'probe-permission': ' - no permission: see resources/udev/60-flashline.rules',
  'probe-busy': ' - in use by another program',
  'drive-unmounted': ' - not mounted',
} as const;

/** What is known of a USB serial port's other end, by its maker's ids. */
const SERIAL_HINTS: Readonly<Record<string, string>> = {
  // The USB Serial/JTAG controller in ESP32-C3, C6, H2 and S3: the chip itself.
  '303a:1001': 'an ESP chip’s own USB port',
  '0483:5740': 'firmware of an STM32',
  // Virtual COM ports of ST-LINK/V2-1 and V3.
  '0483:374b': 'an ST-LINK’s serial port: an STM32 behind it',
  '0483:374e': 'an ST-LINK’s serial port: an STM32 behind it',
  // Bridges that ESP boards have, with DTR and RTS at reset and boot.
  '10c4:ea60': 'CP210x, as on many ESP boards',
  '1a86:7523': 'CH340, as on many ESP boards',
  '1a86:55d4': 'CH9102, as on many ESP boards',
  '0403': 'FTDI',
};

export function probesCommand(context: CliContext, end: (code: ExitCode) => void): Command {
  return command('probes', 'lists probes and ports: URL, serial, physical port, what they can do', [
    'probes',
    'probes --json',
    'probes --watch',
  ])
    .option('--watch', 'tells of USB probes as they come and go, until Ctrl+C')
    .action(async (options: ProbesOptions) => {
      await (options.watch ? watch : list)(options, context);
      end(0);
    });
}

async function list(options: ProbesOptions, context: CliContext): Promise<void> {
  for (const probe of await findProbes(context)) {
    if (options.json) context.print(JSON.stringify({ type: 'probe', ...probe }));
    else context.print(`${probe.url.padEnd(44)} ${(probe.port ?? '-').padEnd(16)} ${probe.description}`);
  }
  if (!options.json) context.say('Any GDB server can be a probe too: gdb:tcp:<host>:<port> or gdb:unix:<path>.');
}

/** Ends when it is aborted, which is how it is meant to end. */
async function watch(options: ProbesOptions, context: CliContext): Promise<void> {
  const show = ({ change, probe }: ProbeChange<PluggedIn>) => {
    const entry = usbEntry(probe);
    if (options.json) context.print(JSON.stringify({ type: `probe.${change}`, ...entry }));
    else context.print(`${change.padEnd(8)} ${entry.url.padEnd(36)} ${probe.portPath.padEnd(10)} ${entry.description}`);
  };
  if (!options.json) context.say('Watching USB for probes; Ctrl+C ends it.');
  await watchUsbProbes(context.signal, show);
}

async function findProbes(context: CliContext): Promise<ProbeEntry[]> {
  const { platform } = process;
  const plugged = (await listPluggedIn({ platform })).map(usbEntry);
  // What is behind a serial port cannot be seen: a boot loader, or a probe's gdb server.
  const ports = (await listSerialPorts({ platform })).flatMap(portEntries);
  const chips = await chipsOf(chipSources(context));
  const simulated = [...BENCH_CHIPS]
    .toSorted()
    .flatMap((id) => chips.find(id) ?? [])
    .map(({ id, name, uart }) => ({
      url: `bench:${id}`,
      serial: null,
      port: null,
      can: ['swd', ...(uart ? ['uart'] : [])],
      problem: null,
      description: `${name} on the virtual bench (simulated)`,
    }));
  return [...plugged, ...ports, ...simulated];
}

/** What is behind a serial port cannot be seen: a boot loader, or a probe's gdb server. */
function portEntries({ path, device, port, serial, manufacturer, product, ...ids }: SerialPortInfo): ProbeEntry[] {
  const hint = SERIAL_HINTS[`${ids.vendorId}:${ids.productId}`] ?? SERIAL_HINTS[`${ids.vendorId}`];
  const description = [manufacturer, product, device, hint && `(${hint})`].filter(Boolean).join(' ');
  const known = { serial: serial ?? null, port, problem: null, description };
  return [
    { url: `uart:${path}`, can: ['uart'], ...known },
    { url: `gdb:serial:${path}`, can: ['gdb'], ...known },
  ];
}

function usbEntry({ url, serial, portPath, can, description, access, unmounted }: PluggedIn): ProbeEntry {
  const mayMount = process.geteuid?.() === 0;
  const problem = PROBLEMS[access] ?? (unmounted && !mayMount ? 'drive-unmounted' : null);
  const words = problem === null ? '' : PROBLEM_WORDS[problem];
  return { url, serial, port: portPath, can, problem, description: `${description}${words}` };
}
