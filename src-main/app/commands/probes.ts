import type { Command } from 'commander';
import type { ProbeChange } from '../../link/hotplug.ts';
import { dfuMode, dfuUrl, listDfuDevices } from '../../link/dfu-devices.ts';
import { listSerialPorts, type SerialPortInfo } from '../../link/serial-ports.ts';
import type { UsbDeviceInfo } from '../../link/usb-device-info.ts';
import type { UsbProbe } from '../../link/usb-probe.ts';
import { listUsbProbes } from '../../link/usb-probes.ts';
import { BENCH_CHIPS } from '../../bench/bench.ts';
import { chipsOf } from '../compose-chips.ts';
import { watchUsbProbes } from '../compose-probes.ts';
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
  ok: '',
  denied: ' - no permission: see resources/udev/60-flashline.rules',
  busy: ' - in use by another program',
} as const;

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
  const show = ({ change, probe }: ProbeChange) => {
    const entry = usbEntry(probe);
    if (options.json) context.print(JSON.stringify({ type: `probe.${change}`, ...entry }));
    else context.print(`${change.padEnd(8)} ${entry.url.padEnd(36)} ${probe.portPath.padEnd(10)} ${entry.description}`);
  };
  if (!options.json) context.say('Watching USB for probes; Ctrl+C ends it.');
  await watchUsbProbes(context.signal, show);
}

async function findProbes(context: CliContext): Promise<ProbeEntry[]> {
  const { platform } = process;
  const probes = (await listUsbProbes({ platform })).map(usbEntry);
  // What is behind a serial port cannot be seen: a boot loader, or a probe's gdb server.
  const ports = (await listSerialPorts({ platform })).flatMap(portEntries);
  const { chips } = await chipsOf(chipSources(context));
  const simulated = chips
    .filter(({ id }) => BENCH_CHIPS.some((known) => known === id))
    .map(({ id, name, uart }) => ({
      url: `bench:${id}`,
      serial: null,
      port: null,
      can: ['swd', ...(uart ? ['uart'] : [])],
      problem: null,
      description: `${name} on the virtual bench (simulated)`,
    }));
  const loaders = (await listDfuDevices({ platform })).map(dfuEntry);
  return [...probes, ...loaders, ...ports, ...simulated];
}

function dfuEntry(device: UsbDeviceInfo): ProbeEntry {
  const { serial, portPath, manufacturer, product, vendorId, productId, access } = device;
  const name = [manufacturer, product].filter(Boolean).join(' ');
  const mode = dfuMode(device) === 'runtime' ? 'DFU, firmware running' : 'DFU boot loader';
  return {
    url: dfuUrl(portPath),
    serial: serial ?? null,
    port: portPath,
    can: ['dfu'],
    problem: PROBLEMS[access],
    description: `${name} ${vendorId}:${productId} (${mode})${PROBLEM_WORDS[access]}`.trim(),
  };
}

/** What is behind a serial port cannot be seen: a boot loader, or a probe's gdb server. */
function portEntries({ path, device, port, serial, manufacturer, product }: SerialPortInfo): ProbeEntry[] {
  const description = [manufacturer, product, device].filter(Boolean).join(' ');
  const known = { serial: serial ?? null, port, problem: null, description };
  return [
    { url: `uart:${path}`, can: ['uart'], ...known },
    { url: `gdb:serial:${path}`, can: ['gdb'], ...known },
  ];
}

function usbEntry(probe: UsbProbe): ProbeEntry {
  const { url, serial, portPath, manufacturer, product, vendorId, productId, access } = probe;
  const name = [manufacturer, product].filter(Boolean).join(' ');
  const interfaces = [probe.bulk ? 'v2 bulk' : '', probe.hid ? 'v1 hid' : ''].filter(Boolean).join(', ');
  return {
    url,
    serial: serial ?? null,
    port: portPath,
    can: ['swd', 'jtag'],
    problem: PROBLEMS[access],
    description: `${name} ${vendorId}:${productId} (CMSIS-DAP ${interfaces})${PROBLEM_WORDS[access]}`.trim(),
  };
}
