import { sha256Hex } from '#shared/base/digest.ts';
import { fromHex } from '#shared/base/bytes.ts';
import type { ChipDescription } from '#shared/model/chip.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Bench, BenchOptions } from '../../bench.ts';
import { FaultPlan } from '../../fault-plan.ts';
import { type Faults, faultsOf } from '../../faults.ts';
import { VirtualClock } from '../../virtual-clock.ts';
import type { PluggedUart, PlugOptions, UartBench } from '../uart-bench.ts';
import { EspDevice, type EspFaults } from './esp-device.ts';
import { type CellFaults, EfuseCells } from './efuse/cells.ts';
import { NorFlash, type NorFaults } from './nor-flash.ts';
import type { EspEfuse } from '#shared/model/interfaces/esp-efuse.ts';
import { ESP_PARTS, type EspPart } from './parts.ts';

export interface EspBenchOptions {
  /** Wall time that a unit's clock starts at, milliseconds. */
  readonly startAt: () => number;
  /** Decides the units' MAC addresses. */
  readonly seed: number;
  /** Bytes of each unit's flash, 4 MiB when left out, and what is wrong with it. */
  readonly flashSize?: number;
  readonly flashFaults?: NorFaults;
  /** What no fault of a bench address says. */
  readonly faults?: EspFaults;
  /** What its eFuses already forbid when it is put in. */
  readonly security?: {
    readonly secureBoot?: boolean;
    readonly flashEncryption?: boolean;
    readonly secureDownload?: boolean;
  };
  /** Fields that are burnt before it is put in for the first time, by name: over what its part has from the factory. */
  readonly efuses?: Readonly<Record<string, number | Uint8Array>>;
  readonly efuseFaults?: CellFaults;
}

export interface EspPlugged extends PluggedUart {
  readonly device: EspDevice;
  readonly flash: NorFlash;
  readonly cells: EfuseCells;
}

const FLASH_SIZE = 0x400000;
/** Espressif's own first three bytes. */
const OUI = '240ac4';

interface Unit {
  readonly clock: VirtualClock;
  readonly flash: NorFlash;
  readonly cells: EfuseCells;
}

/** The units with an Espressif ROM, each found again under its serial: what its flash holds stays. */
export class EspBench implements UartBench {
  readonly #options: EspBenchOptions;
  readonly #units = new Map<string, Unit>();

  constructor(options: EspBenchOptions) {
    this.#options = options;
  }

  plugIn(chip: ChipDescription, serial: string, { faults, strapped }: PlugOptions): EspPlugged {
    const part = Object.hasOwn(ESP_PARTS, chip.id) ? ESP_PARTS[chip.id] : undefined;
    if (!part) {
      const known = Object.keys(ESP_PARTS).join(', ');
      throw new FlashlineError('chip-unknown', { params: { chip: chip.id, known } });
    }
    if (chip.uart?.kind !== 'esp')
      throw new FlashlineError('chip-unknown', { params: { chip: chip.id, known: 'none' } });
    const { efuse } = chip.uart;
    const { clock, flash, cells } = this.#unit(`${chip.id}/${serial}`, efuse, part);
    clock.catchUp(this.#options.startAt());
    const plan = new FaultPlan(faults, clock.elapsedNs);
    flash.restart(clock.elapsedNs);
    const { secureBoot, flashEncryption, secureDownload } = this.#options.security ?? {};
    if (secureBoot) for (const name of efuse.switches.secureBoot) cells.set(name, 1);
    if (secureDownload) for (const name of efuse.switches.secureDownload) cells.set(name, 1);
    if (flashEncryption || faultsOf(faults, 'protected').length > 0) cells.set(efuse.encryption, 1);
    const device = new EspDevice({
      part: faultsOf(faults, 'wrong-chip').length > 0 ? { ...part, chipId: 0xffff, magic: 0xffff_ffff } : part,
      flash,
      efuse,
      cells,
      strapped,
      faults: { ...this.#options.faults, ...lineFaults(faults), ...cutOf(plan) },
    });
    return { clock, device, flash, cells, faults: plan, listens: () => device.listens() };
  }

  #unit(key: string, efuse: EspEfuse, part: EspPart): Unit {
    const known = this.#units.get(key);
    if (known) return known;
    const { startAt, flashSize, flashFaults, efuseFaults, efuses, seed } = this.#options;
    const cells = new EfuseCells(efuse, efuseFaults);
    const mac = fromHex(`${OUI}${sha256Hex(new TextEncoder().encode(`${seed}/${key}`)).slice(0, 6)}`);
    // The address's last byte is the field's first.
    cells.set('MAC', mac.toReversed());
    if (efuse.fields.some(({ name }) => name === 'MAC_CRC')) cells.set('MAC_CRC', crc8(mac));
    for (const [name, value] of Object.entries({ ...part.revision, ...efuses })) cells.set(name, value);
    const unit = {
      clock: new VirtualClock(startAt()),
      flash: new NorFlash(flashSize ?? FLASH_SIZE, flashFaults),
      cells,
    };
    this.#units.set(key, unit);
    return unit;
  }
}

/** ESP32 Technical Reference Manual, eFuse Controller: what BLOCK0 has of its MAC address (CRC-8 with 0x31, reflected). */
function crc8(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0x8c : crc >>> 1;
  }
  return crc;
}

/** Units of their own: nobody reaches them by a debug port. */
export function espUartBench(_bench: Bench, { startAt, seed }: BenchOptions): EspBench {
  return new EspBench({ seed, startAt: () => (typeof startAt === 'number' ? startAt : startAt()) });
}

function lineFaults(faults: Faults): EspFaults {
  const mute = faultsOf(faults, 'no-target').length > 0 || faultsOf(faults, 'swapped-wires').length > 0;
  const [noise] = faultsOf(faults, 'noise');
  return {
    ...(mute ? { mute } : {}),
    ...(noise ? { noise: { aboveBaud: noise.aboveHz, chance: noise.chance } } : {}),
  };
}

function cutOf({ powerCutNs }: FaultPlan): EspFaults {
  return Number.isFinite(powerCutNs) ? { cutAtNs: powerCutNs } : {};
}
