import type { SerialFormat, SerialLines } from '../../../link/link.ts';
import type { ChipModel, SystemBoot } from '../../chip.ts';
import { usToNs } from '../../virtual-clock.ts';
import type { UartDevice, UartTransmitter } from '../uart-device.ts';
import { byteNs, garbled, understands } from '../uart-wire.ts';
import { romCommands, type RomPort, SupplyFailed } from './rom-commands.ts';
import type { RomFaults } from './rom-faults.ts';
import { RomBus } from './rom-flash.ts';
import type { RomKind } from './rom-kinds.ts';

/** No document gives what the ROM's code takes over a byte; some hundred instructions at 16 MHz or more. */
const PROCESS_NS = usToNs(5);
/** AN2606, start-up: from the reset to a boot loader that listens. */
const START_NS = usToNs(10_000);
/** AN2606: the rates that it can measure. */
const LEAST_BAUD = 1200;
const MOST_BAUD = 115_200;
const TOLERANCE = 1.05;
const INIT = 0x7f;
/** What a serial console shows of firmware that was never told to stop. */
const LOG = new TextEncoder().encode('boot: firmware 1.4.2\r\nself test ok\r\n');

export interface Stm32RomParts {
  readonly kind: RomKind;
  readonly chip: ChipModel;
  /** The chip's. */
  readonly system: SystemBoot;
  /** BOOT0 is held high, and NRST not connected. Else DTR drives BOOT0 high and RTS drives NRST low. */
  readonly strapped: boolean;
  readonly faults: RomFaults;
  /** When the supply fails; Infinity if it does not. */
  readonly supplyFailsAt: number;
  readonly at: number;
}

/**
 * ST's boot loader in system memory, at the chip's USART (AN3155, AN2606). It works on the chip that a debugger sees too:
 * the same flash, the same controller, the same core once it has jumped.
 */
export class Stm32Rom implements UartDevice {
  readonly #parts: Stm32RomParts;
  #transmitter: UartTransmitter | undefined;
  /** The ROM's own program, a byte at a time; undefined where it does not run. */
  #program: Generator<void, void, number> | undefined;
  /** As measured; undefined until then, null where it was measured wrong. */
  #format: SerialFormat | null | undefined;
  #startsAt = 0;
  /** Until when its code is at something else. */
  #freeAt = 0;
  /** When the receive register was, or will be, read last: a byte that comes before is lost (no FIFO). */
  #registerFreeAt = 0;
  #dead = false;
  #pins = { boot: false, reset: false };

  constructor(parts: Stm32RomParts) {
    this.#parts = parts;
    parts.system.onReset = (at) => this.#wasReset(at);
    this.#wasReset(parts.at);
  }

  wire(transmitter: UartTransmitter): void {
    this.#transmitter = transmitter;
    if (this.#parts.faults.chatter) transmitter.send(LOG, this.#parts.at, { baudRate: 115_200, parity: 'none' });
  }

  /** Where a line has no format of its own it is always right. */
  listens(): SerialFormat {
    return this.#format ?? { baudRate: MOST_BAUD, parity: 'even' };
  }

  receive(byte: number, at: number, format: SerialFormat): void {
    const { faults, chip } = this.#parts;
    if (this.#diesBefore(at)) return;
    if (faults.echo) this.#transmitter?.send([byte], at, format);
    if (faults.chatter) this.#transmitter?.send(LOG, at, { baudRate: 115_200, parity: 'none' });
    // Firmware that was started lives on, and may reset the chip.
    if (!this.#program) chip.flashIdleAt(at);
    if (faults.echo || faults.chatter || !this.#program || this.#pins.reset || at < this.#startsAt) return;
    if (this.#format === undefined) this.#measure(byte, at, format);
    else if (this.#format !== null && at >= this.#registerFreeAt) {
      const heard = understands(this.#format, format) ? byte : garbled(byte, this.#format, format);
      this.#take(heard, Math.max(at, this.#freeAt));
    }
  }

  lines({ dtr, rts }: Required<SerialLines>, at: number): void {
    if (this.#parts.strapped || this.#diesBefore(at)) return;
    const { chip, system } = this.#parts;
    const released = this.#pins.reset && !rts;
    const asserted = !this.#pins.reset && rts;
    this.#pins = { boot: dtr, reset: rts };
    if (asserted) {
      this.#transmitter?.silence(at);
      chip.resetPin(true, at);
    }
    if (!released) return;
    // BOOT0 is sampled as NRST rises.
    system.selected = dtr;
    chip.resetPin(true, at);
  }

  powerCycle(at: number): void {
    this.#transmitter?.silence(at);
    this.#parts.chip.powerCycle(at);
  }

  powerCut(at: number): void {
    if (this.#dead) return;
    this.#dead = true;
    this.#program = undefined;
    this.#transmitter?.silence(at);
    this.#parts.chip.powerCut(at);
  }

  #wasReset(at: number): void {
    const { system, strapped } = this.#parts;
    if (!strapped) system.selected = this.#pins.boot;
    this.#format = undefined;
    this.#startsAt = at + START_NS;
    this.#freeAt = this.#startsAt;
    this.#registerFreeAt = this.#startsAt;
    this.#program = this.#dead || !system.selected ? undefined : this.#started(at);
  }

  /** At level 2 no boot pin counts (RM0090, 3.7.3). */
  #started(at: number): Generator<void, void, number> | undefined {
    const port = this.#port();
    if (port.flash.level(at) === 2) return undefined;
    const program = romCommands(port);
    program.next(0);
    return program;
  }

  #measure(byte: number, at: number, { baudRate }: SerialFormat): void {
    const within = baudRate >= LEAST_BAUD / TOLERANCE && baudRate <= MOST_BAUD * TOLERANCE;
    if (byte !== INIT || !within) {
      this.#format = null;
      return;
    }
    this.#format = { baudRate, parity: 'even' };
    this.#freeAt = at + PROCESS_NS;
    this.#guarded(() => this.#port().send([0x79]));
  }

  #take(byte: number, at: number): void {
    this.#registerFreeAt = at;
    this.#freeAt = at + PROCESS_NS;
    this.#guarded(() => {
      const program = this.#program;
      // It may have reset the chip, and so been started anew.
      if (program?.next(byte).done && this.#program === program) this.#program = undefined;
    });
  }

  #guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof SupplyFailed)) throw error;
      this.powerCut(this.#parts.supplyFailsAt);
    }
  }

  #port(): RomPort {
    const { kind, chip, system, faults, supplyFailsAt } = this.#parts;
    const idleAt = (at: number): number => {
      const idle = chip.flashIdleAt(at) ?? at;
      if (Math.max(at, idle) >= supplyFailsAt) throw new SupplyFailed();
      return idle;
    };
    return {
      kind,
      faults,
      system,
      flash: kind.romFlash((at) => new RomBus(system, idleAt, at)),
      now: () => this.#freeAt,
      spend: (until) => {
        if (until >= supplyFailsAt) throw new SupplyFailed();
        this.#freeAt = Math.max(this.#freeAt, until);
      },
      send: (bytes) => this.#send(bytes),
    };
  }

  /** The code waits until the last byte has left. */
  #send(bytes: readonly number[]): void {
    const format = this.listens();
    const end = this.#freeAt + bytes.length * byteNs(format);
    this.#transmitter?.send(bytes, this.#freeAt, format);
    if (end >= this.#parts.supplyFailsAt) throw new SupplyFailed();
    this.#freeAt = end;
  }

  #diesBefore(at: number): boolean {
    const { supplyFailsAt } = this.#parts;
    if (at >= supplyFailsAt) this.powerCut(supplyFailsAt);
    return this.#dead;
  }
}
