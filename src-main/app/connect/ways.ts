import { type ChipDescription, hasInterface } from '#shared/model/chip.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Interface } from '#shared/model/recipe.ts';
import { benchWay } from './bench-way.ts';
import { cmsisDapWay } from './cmsis-dap-way.ts';
import { dfuWay } from './dfu-way.ts';
import { ftdiWay } from './ftdi-way.ts';
import { gdbWay } from './gdb-way.ts';
import { hf2Way } from './hf2-way.ts';
import { spiWay } from './spi-way.ts';
import { uartWay } from './uart-way.ts';
import { uf2Way } from './uf2-way.ts';
import { i2cWay } from './i2c-way.ts';
import type { JtagPins, ProbeWay } from './way.ts';

/** Every kind of probe address that there is: a new kind is one file of this folder, and one row here. */
export function probeWays(pace: number | null): readonly ProbeWay[] {
  return [benchWay(pace), cmsisDapWay, ftdiWay, gdbWay, spiWay, uartWay, dfuWay, uf2Way, hf2Way, i2cWay];
}

/** Throws `probe-address` for what is no probe's URL. */
export function wayOf(url: string, ways: readonly ProbeWay[]): ProbeWay {
  const way = ways.find(({ prefix }) => url.startsWith(prefix));
  if (way) return way;
  const expected = ways.map(({ forms }) => forms).join(', ');
  throw new FlashlineError('probe-address', { params: { url, expected } });
}

/** Throws `probe-address` for what cannot be an address, before anything is opened. */
export function checkProbeUrl(url: string): void {
  wayOf(url, probeWays(null)).parse(url);
}

/** By which interface a command without a recipe reaches this chip at this URL. Throws `interface-unsupported`. */
export function interfaceAt(url: string, chip: ChipDescription): Interface {
  const { interfaces } = wayOf(url, probeWays(null));
  const found = interfaces.find((via) => hasInterface(chip, via));
  if (found) return found;
  throw new FlashlineError('interface-unsupported', { params: { interface: interfaces.join(', '), chip: chip.name } });
}

/**
 * The JTAG pins of the probe with this URL; on the bench, of the unit with this serial. Throws `probe-address`, and
 * `probe-unsuited` for a probe that keeps its pins to itself.
 */
export function jtagPinsOf(url: string, serial: string): JtagPins {
  const way = wayOf(url, probeWays(null));
  const pins = way.jtagPins?.(url, serial);
  if (pins) return pins;
  way.parse(url);
  throw new FlashlineError('probe-unsuited', { params: { url, detail: 'it does not offer its JTAG pins' } });
}
