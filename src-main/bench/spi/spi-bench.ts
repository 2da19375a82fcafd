import { FlashlineError } from '#shared/model/failure.ts';
import type { Clock } from '#shared/base/clock.ts';
import type { BenchOptions } from '../bench.ts';
import { FaultPlan } from '../fault-plan.ts';
import { faultsOf, type Faults } from '../faults.ts';
import { pace, PacedClock } from '../paced-clock.ts';
import { VirtualClock } from '../virtual-clock.ts';
import { NOR_KINDS } from './nor-kinds.ts';
import { type NorFaults, NorModel } from './nor-model.ts';
import {
  DELAYING_SERPROG,
  SerprogDevice,
  type SerprogFaults,
  type SerprogProfile,
  UART_SERPROG,
  USB_SERPROG,
} from './serprog-device.ts';
import { SerprogLink, type SerprogWire } from './serprog-link.ts';

export const NOR_CHIPS: readonly string[] = Object.keys(NOR_KINDS);

/** An adapter, and the wire between it and the station. */
export interface SerprogAdapter {
  readonly profile: SerprogProfile;
  readonly wire: SerprogWire;
}

/** USB full speed, CDC: about a megabyte a second, frames of a millisecond. */
const USB_WIRE = { bytesPerSecond: 1_000_000, latencyMs: 0.1, stepMs: 1, bufferBytes: 0x10000 };

export const SERPROG_ADAPTERS = {
  usb: { profile: USB_SERPROG, wire: USB_WIRE },
  usbDelaying: { profile: DELAYING_SERPROG, wire: USB_WIRE },
  /** A UART of 115200 baud behind a USB serial chip with its latency timer at 1 ms. */
  uart: {
    profile: UART_SERPROG,
    wire: { bytesPerSecond: 11_520, latencyMs: 0.1, stepMs: 1, bufferBytes: 4096 },
  },
  /** A Linux board on the same network switch. */
  tcp: {
    profile: USB_SERPROG,
    wire: { bytesPerSecond: 10_000_000, latencyMs: 0.2, stepMs: 0.05, bufferBytes: 0x40000 },
  },
} as const satisfies Record<string, SerprogAdapter>;

/** One board with a NOR flash, found again under its serial. */
export interface NorBoard {
  readonly clock: VirtualClock;
  readonly nor: NorModel;
}

export interface SpiBenchConnection {
  readonly link: SerprogLink;
  readonly clock: Clock;
  readonly device: SerprogDevice;
}

/** Boards with a serial NOR flash, and serprog adapters on them. */
export class SpiBench {
  readonly #options: BenchOptions;
  readonly #boards = new Map<string, NorBoard>();

  constructor(options: BenchOptions) {
    this.#options = options;
  }

  /** The board comes under power with its flash as it was left. Throws `chip-unknown`. */
  connect(
    chip: string,
    serial: string,
    faults: Faults = [],
    { adapter = SERPROG_ADAPTERS.usb, url = `bench:${chip}` }: { adapter?: SerprogAdapter; url?: string } = {},
  ): SpiBenchConnection {
    const { clock, nor } = this.boardFor(chip, serial);
    clock.catchUp(this.#startAt());
    nor.powerCycle(clock.elapsedNs);
    const plan = new FaultPlan(faults, clock.elapsedNs);
    putFaults(nor, faults);
    let link: SerprogLink | undefined;
    const device = new SerprogDevice(adapter.profile, nor, (bytes, at) => link?.answer(bytes, at));
    device.plugIn(adapterFaults(faults));
    device.cutAt = plan.powerCutNs;
    const paced = this.#options.pacing && pace(clock, this.#options.pacing);
    // The adapter has its supply from the station; what falls is the board's.
    const powerCut = (at: number) => nor.powerCut(Math.max(at, device.freeAt));
    link = new SerprogLink({ url, clock, device, wire: adapter.wire, faults: plan, powerCut, pace: paced });
    return { link, clock: paced ? new PacedClock(clock, paced) : clock, device };
  }

  /** A new one comes blank from the factory. Throws `chip-unknown`. */
  boardFor(chip: string, serial: string): NorBoard {
    const kind = Object.hasOwn(NOR_KINDS, chip) ? NOR_KINDS[chip] : undefined;
    if (!kind) throw new FlashlineError('chip-unknown', { params: { chip, known: NOR_CHIPS.join(', ') } });
    const key = `${chip}/${serial}`;
    const known = this.#boards.get(key);
    if (known) return known;
    const seed = Array.from(key).reduce(
      (sum, letter) => (Math.imul(sum, 31) + letter.charCodeAt(0)) >>> 0,
      this.#options.seed,
    );
    const board = { clock: new VirtualClock(this.#startAt()), nor: new NorModel(kind, seed) };
    this.#boards.set(key, board);
    return board;
  }

  #startAt(): number {
    const { startAt } = this.#options;
    return typeof startAt === 'number' ? startAt : startAt();
  }
}

function adapterFaults(faults: Faults): SerprogFaults {
  const [refused] = faultsOf(faults, 'refused');
  const [garbage] = faultsOf(faults, 'garbage');
  return { ...(refused ? { refuse: refused.after } : {}), ...(garbage ? { garbage: garbage.after } : {}) };
}

/** Cells are counted as elsewhere: `after` operations, or just before the cell is read next. */
function putFaults(nor: NorModel, faults: Faults): void {
  nor.cells.unstick();
  for (const { address, bit, value } of faultsOf(faults, 'stuck-bit'))
    nor.cells.stick(address + (bit >> 3), bit & 7, value);
  if (faultsOf(faults, 'protected').length > 0) nor.sr1 |= 0x1c;
  const rot = new Set(faultsOf(faults, 'bit-rot'));
  let operations = 0;
  const spoil = (due: (after: number | undefined, address: number) => boolean) => {
    for (const fault of rot) {
      const address = fault.address + (fault.bit >> 3);
      if (!due(fault.after, address)) continue;
      rot.delete(fault);
      nor.cells.flip(address, fault.bit & 7);
    }
  };
  const never = faultsOf(faults, 'never-ready')[0];
  const given: NorFaults = {
    ...(faultsOf(faults, 'wrong-chip').length > 0 ? { jedecId: [0x20, 0x71, 0x15] } : {}),
    ...(faultsOf(faults, 'no-target').length > 0 ? { absent: true } : {}),
    ...(faultsOf(faults, 'false-parameters').length > 0 ? { sfdp: falseParameters } : {}),
    ...(never ? { neverReadyFrom: never.after } : {}),
    finished: () => {
      operations++;
      if (rot.size > 0) spoil((after) => after !== undefined && operations >= after);
    },
    reading: (address) => {
      if (rot.size > 0 && operations > 0) spoil((after, at) => after === undefined && at === address);
    },
  };
  nor.faults = given;
}

/** Another density than the chip has: the first thing that everything else is reckoned from. */
function falseParameters(bytes: Uint8Array): Uint8Array {
  const out = bytes.slice();
  const density = 0x80 + 4;
  new DataView(out.buffer).setUint32(density, 0x3ffffff, true);
  return out;
}
