import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { measureBenchCore } from './bench-core.ts';
import { measureBenchNrf52840 } from './bench-nrf52840.ts';
import { measureEspSerial } from './esp-serial.ts';
import { measureDfu } from './dfu.ts';
import { measureFourImages } from './four-images.ts';
import { measureFtdi } from './ftdi.ts';
import { measureCmsisDapLink } from './link-cmsis-dap.ts';
import { measureLogBackup } from './log-backup.ts';
import { measureLogStation } from './log-station.ts';
import { measureOperatorLatency } from './operator-latency.ts';
import { measurePartial } from './partial.ts';
import { measurePlantIngest } from './plant-ingest.ts';
import { measurePlantScale } from './plant-scale.ts';
import { measurePowerCuts } from './power-cuts.ts';
import { measureProgramChips } from './program-chips.ts';
import { measureQemuAgainstGdb } from './qemu-gdb.ts';
import { measureRelease } from './release.ts';
import { measureSigning } from './signing.ts';
import { measureStm32Uart } from './stm32-uart.ts';
import { measureUf2 } from './uf2.ts';
import { measureSpiNor } from './spi-nor.ts';
import { measureUsbGuest } from './usb-guest.ts';

const SUITES: Readonly<Record<string, () => Promise<object>>> = {
  'bench-core': async () => measureBenchCore(),
  'bench-nrf52840': measureBenchNrf52840,
  'esp-serial': () => measureEspSerial(),
  dfu: measureDfu,
  'four-images': measureFourImages,
  ftdi: measureFtdi,
  'link-cmsis-dap': measureCmsisDapLink,
  'log-backup': measureLogBackup,
  'log-station': () => measureLogStation(),
  partial: measurePartial,
  'plant-ingest': measurePlantIngest,
  'plant-scale': () => measurePlantScale(),
  'power-cuts': measurePowerCuts,
  'program-chips': measureProgramChips,
  'qemu-gdb': () => measureQemuAgainstGdb(),
  'operator-latency': measureOperatorLatency,
  release: measureRelease,
  signing: measureSigning,
  'stm32-uart': measureStm32Uart,
  uf2: measureUf2,
  'spi-nor': measureSpiNor,
  'usb-guest': measureUsbGuest,
};

/** Dotted names to numbers, so that any two rows can be compared. Units stand in the names. */
type Figures = Record<string, number>;

const HISTORY = join(import.meta.dirname, 'history.jsonl');
const Row = z.object({ figures: z.record(z.string(), z.number()) });

async function measure(names: readonly string[]): Promise<Figures> {
  const figures: Figures = {};
  for (const [suite, measureSuite] of Object.entries(SUITES)) {
    if (names.length > 0 && !names.includes(suite)) continue;
    process.stderr.write(`measuring ${suite} ...\n`);
    Object.assign(figures, flatten(suite, await measureSuite()));
  }
  return figures;
}

function flatten(prefix: string, value: unknown): Figures {
  if (typeof value === 'number') return { [prefix]: Number(value.toPrecision(6)) };
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return {};
  return Object.assign({}, ...Object.entries(value).map(([name, inner]) => flatten(`${prefix}.${name}`, inner)));
}

function lastFigures(): Figures {
  if (!existsSync(HISTORY)) return {};
  const rows = readFileSync(HISTORY, 'utf8')
    .trim()
    .split('\n')
    .map((row) => Row.parse(JSON.parse(row)));
  return Object.assign({}, ...rows.map(({ figures }) => figures));
}

const unknown = process.argv.slice(2).filter((name) => !(name in SUITES));
if (unknown.length > 0)
  throw new Error(`no figures named ${unknown.join(', ')}; there are ${Object.keys(SUITES).join(', ')}`);
const before = lastFigures();
const figures = await measure(process.argv.slice(2));
const at = new Date().toISOString();
process.stdout.write(`${JSON.stringify({ at, figures })}\n\n`);
for (const [name, value] of Object.entries(figures)) {
  const old = before[name];
  process.stdout.write(
    `${name.padEnd(48)} ${String(value).padStart(10)}   ${old === undefined ? '' : `before ${old}`}\n`,
  );
}
appendFileSync(HISTORY, `${JSON.stringify({ at, node: process.version, cores: cpus().length, figures })}\n`);
