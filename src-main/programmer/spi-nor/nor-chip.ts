import { hexAddress, isFilledWith, toHex } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import type { ChipDescription } from '#shared/model/chip.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { SpiInterface } from '#shared/model/interfaces/spi.ts';
import type { SpiPort, SpiTransfer } from '../../probe/spi-port.ts';
import {
  ask,
  BANK_FOUR_BYTE,
  BUSY,
  FLAG_ERASE_FAILED,
  FLAG_FAILURES,
  FLAG_PROGRAM_FAILED,
  FLAG_PROTECTED,
  FLAG_READY,
  Opcode,
  readSfdp as sfdpTransfer,
  status,
  tell,
  writeEnable,
} from './nor-commands.ts';
import { type NorParts, norParts } from './nor-parts.ts';
import { SegmentedPort } from './segmented-port.ts';
import { readSfdp } from './sfdp.ts';

/** The longest that a chip needs to wake up (tRES1; the slowest data sheets say 100 us). */
const WAKE_MS = 1;
/** What another program left under way: a block's erase, at the data sheets' worst. */
const LEFT_BUSY_MS = 4000;
/** After a reset: tRST, longer where an erase was aborted. */
const RESET_MS = 1;
/** Registers are written in 15 ms typically. */
const STATUS_WRITE_MS = 500;

/** One NOR chip on an SPI bus, woken and looked at: everything that is asked of it more than once. */
export class NorChip {
  readonly chip: ChipDescription;
  readonly spi: SpiInterface;
  readonly clockHz: number;
  #parts: NorParts | undefined;
  #fourByte = false;
  readonly #port: SpiPort;
  #segments: SegmentedPort | undefined;

  constructor(chip: ChipDescription, spi: SpiInterface, port: SpiPort, clockHz: number) {
    this.chip = chip;
    this.spi = spi;
    this.#port = port;
    this.clockHz = clockHz;
  }

  /** What everything goes through. */
  get port(): SpiPort {
    return this.#segments ?? this.#port;
  }

  /** Wakes it. Rejects with `no-target` where nothing drives the wires. Changes nothing. */
  async wake(io: IoContext): Promise<void> {
    await this.port.transfer([tell(Opcode.releasePowerDown)], io);
    await io.clock.sleep(WAKE_MS, io.signal);
    // A busy chip answers nothing but its status.
    await this.waitReady(0, LEFT_BUSY_MS, io);
    await this.#readId(io);
  }

  /** Rejects with `wrong-chip`, `no-target` or `identity-unreadable`. */
  async parts(io: IoContext): Promise<NorParts> {
    if (this.#parts) return this.#parts;
    const id = await this.#readId(io);
    const sfdp = await readSfdp(async (address, length) => this.one(sfdpTransfer(address, length), io));
    this.#parts = norParts(this.chip, this.spi, id, sfdp, this.clockHz);
    return this.#parts;
  }

  /** Before addresses are used for anything but reading SFDP. */
  async useAddresses(io: IoContext): Promise<NorParts> {
    const parts = await this.parts(io);
    if (this.#fourByte || parts.enterFourByte === 'none') return parts;
    this.#fourByte = true;
    if (parts.enterFourByte === 'segment-c5') this.#segments = this.#segmented(parts);
    else await this.port.transfer(fourByteMode(parts, true), io);
    return parts;
  }

  /** As it was found: addresses of three bytes, and where it can be reset, reset. */
  async leave(io: IoContext): Promise<void> {
    if (this.#fourByte && this.#parts) {
      if (this.#segments) await this.#segments.select(0, io);
      else await this.port.transfer(fourByteMode(this.#parts, false), io);
      this.#segments = undefined;
      this.#fourByte = false;
    }
    if (!this.#parts?.softReset) return;
    await this.port.transfer([tell(Opcode.enableReset), tell(Opcode.reset)], io);
    await io.clock.sleep(RESET_MS, io.signal);
  }

  /** Hexadecimal; null where it has none, or tells nothing. */
  async uid(io: IoContext): Promise<string | null> {
    const { uid } = this.spi;
    if (!uid) return null;
    const bytes = await this.one({ write: Uint8Array.of(Opcode.readUniqueId, 0, 0, 0, 0), read: uid.size }, io);
    return isFilledWith(bytes, bytes[0] ?? 0) ? null : toHex(bytes);
  }

  async one(transfer: SpiTransfer, io: IoContext): Promise<Uint8Array> {
    const [data = new Uint8Array()] = await this.port.transfer([transfer], io);
    return data;
  }

  /** What another program left behind says nothing of this run. */
  async clearFlags(io: IoContext): Promise<void> {
    if ((await this.parts(io)).flagStatus !== 'none') await this.port.transfer([tell(Opcode.clearFlagStatus)], io);
  }

  /** Status registers 1 and 2; chips without a second one answer anything. */
  async statusRegisters(io: IoContext): Promise<{ readonly sr1: number; readonly sr2: number }> {
    const [first, second] = await this.port.transfer([status(1), ask(Opcode.readStatus2, 1)], io);
    return { sr1: first?.[0] ?? 0, sr2: second?.[0] ?? 0 };
  }

  /** `registers` from the first on. Rejects with `flash-timeout`. */
  async writeStatus(registers: readonly number[], io: IoContext): Promise<void> {
    await this.writeRegister([writeEnable, tell(Opcode.writeStatus, ...registers)], io);
  }

  /** Rejects with `flash-timeout`. */
  async writeRegister(transfers: readonly SpiTransfer[], io: IoContext): Promise<void> {
    await this.port.transfer(transfers, io);
    await this.waitReady(0, STATUS_WRITE_MS, io);
  }

  /** Asked less and less often. Rejects with `flash-timeout`, and with `no-target` when the chip has gone. */
  async waitReady(address: number, timeoutMs: number, io: IoContext): Promise<void> {
    const until = io.clock.monotonic() + timeoutMs;
    for (let pause = 0; ; pause = Math.min(50, pause * 1.5 + 0.2)) {
      const samples = await this.one(ask(this.readyRegister, 4), io);
      this.requirePresent(samples);
      if (!this.isBusy(samples.at(-1) ?? 0xff)) return;
      if (io.clock.monotonic() > until) throw timeout(address, timeoutMs);
      await io.clock.sleep(pause, io.signal);
    }
  }

  /** The flag status register alone tells when it is ready. */
  get asksFlags(): boolean {
    return this.#parts?.flagStatus === 'only';
  }

  /** Which register tells whether the chip is ready. */
  get readyRegister(): number {
    return this.asksFlags ? Opcode.readFlagStatus : Opcode.readStatus;
  }

  isBusy(value: number): boolean {
    return this.asksFlags ? (value & FLAG_READY) === 0 : (value & BUSY) !== 0;
  }

  /**
   * What the chip says of the programs or erases that have just ended at `address` or behind it; chips without a flag status
   * register say nothing. Rejects with `flash-refused`; the failure is cleared, as the chip would else do nothing more.
   */
  async requireDone(address: number, io: IoContext): Promise<void> {
    if ((this.#parts?.flagStatus ?? 'none') === 'none') return;
    const [flags = 0xff] = await this.one(ask(Opcode.readFlagStatus, 1), io);
    this.requirePresent(Uint8Array.of(flags));
    if ((flags & FLAG_FAILURES) === 0) return;
    await this.port.transfer([tell(Opcode.clearFlagStatus)], io);
    throw refused(address, `flag status 0x${flags.toString(16).padStart(2, '0')}: ${failuresIn(flags).join(', ')}`);
  }

  /** All ones: nothing drives the wire any more. No chip is busy with all of its protection set. */
  requirePresent(samples: Uint8Array): void {
    if (samples.length > 0 && isFilledWith(samples, 0xff)) throw new FlashlineError('no-target');
  }

  #segmented({ instructions, erases }: NorParts): SegmentedPort {
    const opcodes = [instructions.read, instructions.program, ...erases].map(({ opcode }) => opcode);
    return new SegmentedPort({
      port: this.#port,
      opcodes: new Set(opcodes),
      idle: (io) => this.waitReady(0, LEFT_BUSY_MS, io),
      refused: (address, found) => refused(address, `the extended address register holds ${found}`),
    });
  }

  async #readId(io: IoContext): Promise<Uint8Array> {
    const id = await this.one(ask(Opcode.readId, 3), io);
    if (isFilledWith(id, 0xff) || isFilledWith(id, 0x00)) throw new FlashlineError('no-target');
    return id;
  }
}

function fourByteMode({ enterFourByte }: NorParts, on: boolean): SpiTransfer[] {
  if (enterFourByte === 'bank-17') return [tell(Opcode.writeBank, on ? BANK_FOUR_BYTE : 0)];
  const before = enterFourByte === 'wren-b7' ? [writeEnable] : [];
  return [...before, tell(on ? Opcode.enterFourByte : Opcode.exitFourByte)];
}

function failuresIn(flags: number): string[] {
  const names: readonly (readonly [number, string])[] = [
    [FLAG_ERASE_FAILED, 'an erase failed'],
    [FLAG_PROGRAM_FAILED, 'a program failed'],
    [FLAG_PROTECTED, 'a block is protected'],
  ];
  return names.flatMap(([bit, name]) => ((flags & bit) === 0 ? [] : [name]));
}

export function timeout(address: number, ms: number): FlashlineError {
  return new FlashlineError('flash-timeout', {
    where: { address },
    params: { address: hexAddress(address), seconds: ms / 1000 },
  });
}

export function refused(address: number, cause: string): FlashlineError {
  return new FlashlineError('flash-refused', { where: { address }, params: { address: hexAddress(address) }, cause });
}
