import type { SerialFormat, SerialLines } from '../../../link/link.ts';
import { Prng } from '../../prng.ts';
import { toNs } from '../../virtual-clock.ts';
import type { UartDevice, UartTransmitter } from '../uart-device.ts';
import { garbled, understands } from '../uart-wire.ts';
import { startOf } from './boots.ts';
import type { EspEfuse } from '#shared/model/interfaces/esp-efuse.ts';
import type { EfuseCells } from './efuse/cells.ts';
import { EfuseController } from './efuse/controller.ts';
import { securityOf } from './efuse/security.ts';
import { type Command, commandOf, FrameBuffer, framed } from './frames.ts';
import { type Done, type EspSecurity, LoaderModel } from './loader-model.ts';
import { type NorFlash, SLOW_READS } from './nor-flash.ts';
import type { EspPart } from './parts.ts';
import { EspRegisters } from './registers.ts';

const ROM_FORMAT: SerialFormat = { baudRate: 115_200, parity: 'none' };
/** From reset to the loader's first byte: crystal, ROM, the log itself goes out meanwhile. */
const BOOT_NS = toNs(5);
/** From the jump to OHAI: clock, flash, and a wait of 10 ms for the ROM's last answer (esp-flasher-stub, transport.c). */
const STUB_START_NS = toNs(11);
/** The stub's interrupt: at so many bytes, or after as many bytes' time of silence. */
const INTERRUPT_BYTES = 32;
const SILENCE_BYTES = 10;
/** What the stub sets the bus of some chips to. */
const BOOSTED_MHZ = 80;
/** What the UART keeps for a ROM that is busy. */
const FIFO = 128;

export interface EspFaults {
  /** Answers nothing at all. */
  readonly mute?: boolean;
  /** Above this rate each byte is spoiled with the chance, in either direction. */
  readonly noise?: { readonly aboveBaud: number; readonly chance: number };
  /** Its supply fails then, in nanoseconds of its clock. */
  readonly cutAtNs?: number;
  /** IO0 is not connected: it starts its firmware whatever is done, and that ends in resets. */
  readonly neverDownload?: boolean;
}

export interface EspDeviceParts {
  readonly part: EspPart;
  readonly flash: NorFlash;
  readonly efuse: EspEfuse;
  readonly cells: EfuseCells;
  readonly strapped: boolean;
  readonly faults: EspFaults;
}

type Mode = 'off' | 'firmware' | 'rom' | 'stub' | 'hung';

/**
 * An Espressif chip on a development board: ROM loader, the stub that it may be given, flash, and the two transistors between the serial
 * adapter and EN and IO0.
 */
export class EspDevice implements UartDevice {
  readonly #parts: EspDeviceParts;
  #registers: EspRegisters;
  #efuses: EfuseController;
  #security: EspSecurity;
  readonly #dice = new Prng(0x65_7370);
  #transmitter: UartTransmitter | undefined;
  #mode: Mode = 'off';
  #format = ROM_FORMAT;
  #loader: LoaderModel;
  #frame = new FrameBuffer(0x6000);
  /** When the loader has done with the frames so far, oldest first. */
  #ends: number[] = [];
  #freeAt = 0;
  #late = 0;
  /** Of a frame's end, its interrupt takes what else the UART has by then, and nobody keeps it. */
  #deaf = false;
  #waiting = 0;
  #heardAt = 0;
  #dead = Infinity;
  #lines: Required<SerialLines> = { dtr: false, rts: false };
  #starts: ReturnType<typeof startOf>[] = [];

  constructor(parts: EspDeviceParts) {
    this.#parts = parts;
    this.#security = securityOf(parts.efuse, parts.cells);
    this.#efuses = this.#newController();
    this.#registers = new EspRegisters(parts.part, parts.flash, this.#efuses);
    this.#loader = this.#newLoader(false);
    if (parts.faults.cutAtNs !== undefined) this.powerCut(parts.faults.cutAtNs);
  }

  /** How each start of its firmware ended so far. */
  get starts(): readonly ReturnType<typeof startOf>[] {
    return this.#starts;
  }

  /** What runs now. */
  get mode(): Mode {
    return this.#mode;
  }

  listens(): SerialFormat {
    return this.#format;
  }

  wire(transmitter: UartTransmitter): void {
    this.#transmitter = transmitter;
    this.#reset(0, this.#parts.strapped);
  }

  lines(lines: Required<SerialLines>, at: number): void {
    const before = this.#lines;
    this.#lines = lines;
    if (this.#parts.strapped || at >= this.#dead) return;
    const inReset = (now: Required<SerialLines>) => now.rts && !now.dtr;
    if (inReset(lines) && !inReset(before)) this.#halt(at);
    else if (!inReset(lines) && inReset(before)) this.#reset(at, lines.dtr && !lines.rts);
  }

  powerCycle(at: number): void {
    this.#halt(at);
    this.#reset(at, this.#parts.strapped);
  }

  powerCut(at: number): void {
    this.#dead = Math.min(this.#dead, at);
    this.#parts.flash.cut(at);
    this.#efuses.cut(at);
    this.#transmitter?.silence(at);
  }

  receive(byte: number, at: number, format: SerialFormat): void {
    if (at >= this.#dead || (this.#mode !== 'rom' && this.#mode !== 'stub') || this.#parts.faults.mute) return;
    const heard = this.#noisy(understands(this.#format, format) ? byte : garbled(byte, this.#format, format));
    if (!this.#hasRoom(at) || this.#isDeaf(at)) return this.#frame.clear();
    const frame = this.#frame.take(heard, at);
    if (!frame) return;
    this.#deaf = this.#mode === 'stub' && this.#waiting > 0;
    this.#frameCame(frame, at);
  }

  /** Counts what waits for the interrupt, the byte that comes at `at` too. */
  #isDeaf(at: number): boolean {
    const silent = at - this.#heardAt > ((SILENCE_BYTES + 1) * 1e10) / this.#format.baudRate;
    const deaf = this.#deaf && !silent;
    this.#waiting = ((silent ? 0 : this.#waiting) + 1) % INTERRUPT_BYTES;
    this.#heardAt = at;
    this.#deaf = deaf && this.#waiting > 0;
    return deaf;
  }

  /** The stub has two buffers, and takes a frame into the second while it works on the first; the ROM has the UART's own. */
  #hasRoom(at: number): boolean {
    while ((this.#ends[0] ?? Infinity) <= at) this.#ends.shift();
    if (this.#mode === 'stub') return this.#ends.length < 2;
    this.#late = this.#freeAt > at ? this.#late + 1 : 0;
    return this.#late <= FIFO;
  }

  #frameCame(frame: Uint8Array, at: number): void {
    const begins = Math.max(at, this.#freeAt);
    const command = this.#loader.reading && frame.length === 4 ? undefined : commandOf(frame);
    if (!command && !this.#loader.reading) return;
    this.#perform(command ? this.#loader.carry(command, begins) : this.#loader.acknowledge(frame, begins), command);
  }

  #perform(done: Done, command: Command | undefined): void {
    this.#freeAt = done.freeAt;
    this.#ends.push(done.freeAt);
    for (const { at, payload } of done.answers) this.#send(framed(payload), at);
    // An invalid message is answered eight times by the ROM, as SYNC is.
    const [first] = done.answers;
    if (this.#mode === 'rom' && command && first && first.payload[8] === 1 && first.payload[9] === 0x05) {
      for (let more = 1; more < 8; more++) this.#send(framed(first.payload), first.at);
    }
    if (done.baud !== undefined) this.#format = { ...this.#format, baudRate: done.baud };
    if (done.jump !== undefined) this.#startStub(done.freeAt);
  }

  #startStub(at: number): void {
    this.#mode = 'stub';
    this.#registers.stubStarted();
    this.#loader = this.#newLoader(true);
    this.#freeAt = at + STUB_START_NS;
    this.#send(framed(Uint8Array.of(0x4f, 0x48, 0x41, 0x49)), this.#freeAt);
  }

  #send(bytes: readonly number[], at: number): void {
    if (at >= this.#dead || !Number.isFinite(at)) return;
    this.#transmitter?.send(
      bytes.map((byte) => this.#noisy(byte)),
      at,
      this.#format,
    );
  }

  #noisy(byte: number): number {
    const { noise } = this.#parts.faults;
    if (!noise || this.#format.baudRate <= noise.aboveBaud) return byte;
    return this.#dice.next() / 2 ** 32 < noise.chance ? byte ^ (1 << (this.#dice.next() % 8)) : byte;
  }

  #halt(at: number): void {
    this.#mode = 'off';
    this.#parts.flash.restart(Math.min(at, this.#dead));
    if (at >= this.#dead) this.#parts.flash.cut(this.#dead);
    this.#transmitter?.silence(at);
    this.#frame.clear();
  }

  #reset(at: number, download: boolean): void {
    if (at >= this.#dead) return;
    const { part, flash, faults, efuse, cells } = this.#parts;
    this.#format = ROM_FORMAT;
    flash.bus = SLOW_READS;
    // At each start the eFuses are read anew.
    this.#security = securityOf(efuse, cells);
    this.#efuses = this.#newController();
    this.#registers = new EspRegisters(part, flash, this.#efuses);
    this.#loader = this.#newLoader(false);
    this.#ends = [];
    this.#late = 0;
    this.#deaf = false;
    this.#waiting = 0;
    this.#freeAt = at + BOOT_NS;
    if (faults.mute) return;
    if (download && !faults.neverDownload && !this.#security.noDownload) {
      this.#mode = 'rom';
      this.#say(
        `${part.greeting}rst:0x1 (POWERON_RESET),boot:0x3 (DOWNLOAD_BOOT(UART0))\r\nwaiting for download\r\n`,
        at,
      );
      return;
    }
    this.#mode = 'firmware';
    flash.settle(at);
    const start = startOf(flash.bytes, part);
    this.#starts.push(start);
    const log = `${part.greeting}rst:0x1 (POWERON_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\r\n`;
    if (start === 'nothing') this.#say(`${log}invalid header: 0xffffffff\r\ninvalid header: 0xffffffff\r\n`, at);
    else this.#say(`${log}I (29) boot: ESP-IDF 2nd stage bootloader\r\n`, at);
  }

  #say(text: string, at: number): void {
    this.#send(
      Array.from(text, (letter) => letter.charCodeAt(0)),
      at + BOOT_NS / 2,
    );
  }

  #newLoader(isStub: boolean): LoaderModel {
    const { part, flash } = this.#parts;
    return new LoaderModel({ isStub, part, flash, registers: this.#registers, security: this.#security });
  }

  #newController(): EfuseController {
    const { efuse, cells, part } = this.#parts;
    const controller = new EfuseController(efuse, cells, () =>
      part.boosted && this.#mode === 'stub' ? BOOSTED_MHZ : part.crystalMhz,
    );
    controller.cut(this.#dead);
    return controller;
  }
}
