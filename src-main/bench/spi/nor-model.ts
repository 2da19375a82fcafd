import { Prng } from '../prng.ts';
import { toNs, usToNs } from '../virtual-clock.ts';
import { NorCells } from './nor-cells.ts';
import type { NorKind } from './nor-kinds.ts';
import { sfdpBytes } from './sfdp-bytes.ts';
import type { SpiSlave } from './spi-slave.ts';

export const PAGE = 256;
const BUSY = 1;
const WEL = 2;
const FLOATING = 0xff;
/** A program or an erase of what is protected ends at once, and does nothing. */
const REFUSED_US = 1;

/** What one connection makes of a chip. */
export interface NorFaults {
  readonly jedecId?: readonly [number, number, number];
  readonly sfdp?: (bytes: Uint8Array) => Uint8Array;
  /** Operations, counted from 0 at the connection's start, from which on none comes to its end. */
  readonly neverReadyFrom?: number;
  /** Operations, counted alike, from which on none has an effect: what fails inside the chip. */
  readonly failsFrom?: number;
  /** All operations take so many times as long. */
  readonly slow?: number;
  /** Told after each operation, before each data read. */
  readonly finished?: (count: number) => void;
  readonly reading?: (address: number) => void;
  /** Nothing drives MISO. */
  readonly absent?: boolean;
  /** The status registers cannot be written: WP# is low, and the bit that minds it is set. */
  readonly statusLocked?: boolean;
}

/** Flag status register: ready, erase failure, program failure, protection (N25Q256A data sheet, table 6). */
const FLAG = { ready: 0x80, erase: 0x20, program: 0x10, protection: 0x02, fourByte: 0x01 } as const;

/** What is under way inside the chip. */
interface Operation {
  readonly startsAt: number;
  readonly endsAt: number;
  readonly finish: () => void;
  readonly tear: () => void;
}

/** Status registers; what is left out stays. */
interface WrittenRegisters {
  readonly sr1?: number | undefined;
  readonly sr2?: number | undefined;
}

/** How far an instruction has come: what it does with each byte, and when the chip is deselected. */
interface Instruction {
  readonly exchange: (index: number, mosi: number) => number;
  readonly end?: (length: number, at: number) => void;
}

const IGNORED: Instruction = { exchange: () => FLOATING };

/** A serial NOR flash, byte by byte as its data sheet says. */
export class NorModel implements SpiSlave {
  readonly kind: NorKind;
  readonly cells: NorCells;
  readonly uid: Uint8Array;
  /** Non-volatile; as the factory leaves them. */
  sr1 = 0;
  sr2 = 0;
  faults: NorFaults = {};
  /** Operations that this chip was told to do and did. */
  readonly counts = { programs: 0, erases: 0, ignored: 0 };
  readonly #prng: Prng;
  #operations = 0;
  #operation: Operation | undefined;
  #writeEnabled = false;
  #flags = 0;
  /** An operation ended, and nobody has asked the flag status register about it. */
  #unasked = false;
  #fourByte = false;
  /** The extended address register (W25Q256JV data sheet, 8.2.23): what is above three bytes of address. */
  #segment = 0;
  #poweredDown = false;
  #awakeAt = 0;
  #resetEnabled = false;
  #dead = false;
  #instruction: Instruction | undefined;
  #index = 0;

  constructor(kind: NorKind, seed: number) {
    this.kind = kind;
    this.cells = new NorCells(kind.size);
    this.#prng = new Prng(seed);
    this.uid = new Uint8Array(kind.uid);
    this.#prng.scramble(this.uid);
  }

  select(at: number): void {
    this.#settle(at);
    this.#instruction = undefined;
    this.#index = 0;
  }

  exchange(mosi: number, at: number): number {
    if (this.#dead || this.faults.absent) return FLOATING;
    this.#settle(at);
    const index = this.#index++;
    if (index > 0) return this.#instruction?.exchange(index - 1, mosi) ?? FLOATING;
    this.#instruction = this.#decode(mosi, at);
    return FLOATING;
  }

  deselect(at: number): void {
    if (this.#dead || this.faults.absent) return;
    this.#settle(at);
    this.#instruction?.end?.(this.#index - 1, at);
    this.#instruction = undefined;
  }

  powerCut(at: number): void {
    this.#settle(at);
    this.#operation?.tear();
    this.#operation = undefined;
    this.#dead = true;
  }

  powerCycle(at: number): void {
    if (!this.#dead) this.powerCut(at);
    this.#dead = false;
    this.#operations = 0;
    this.#poweredDown = false;
    this.#awakeAt = 0;
    this.#reset();
  }

  get busy(): boolean {
    return this.#operation !== undefined;
  }

  #settle(at: number): void {
    const operation = this.#operation;
    if (!operation || at < operation.endsAt) return;
    this.#operation = undefined;
    operation.finish();
    this.#writeEnabled = false;
    this.#unasked = this.kind.flagStatus === 'only';
    this.faults.finished?.(this.#operations);
  }

  #reset(): void {
    this.#operation?.tear();
    this.#operation = undefined;
    this.#writeEnabled = false;
    this.#fourByte = false;
    this.#segment = 0;
    this.#resetEnabled = false;
    this.#flags = 0;
    this.#unasked = false;
  }

  #decode(opcode: number, at: number): Instruction {
    if (opcode === 0xab) return this.#wake();
    if (this.#poweredDown || at < this.#awakeAt) return IGNORED;
    if (opcode === 0x05) return { exchange: () => this.#status() };
    if (opcode === 0x70 && this.kind.flagStatus) return { exchange: () => this.#flagStatus() };
    if (opcode === 0x66) return { exchange: () => FLOATING, end: () => (this.#resetEnabled = true) };
    if (opcode === 0x99) return { exchange: () => FLOATING, end: () => this.#resetEnabled && this.#reset() };
    this.#resetEnabled = false;
    if (this.#operation || this.#unasked) {
      this.counts.ignored++;
      return IGNORED;
    }
    return this.#simple(opcode) ?? this.#reads(opcode) ?? this.#writes(opcode) ?? IGNORED;
  }

  #wake(): Instruction {
    return {
      exchange: () => FLOATING,
      end: (_, at) => {
        if (this.#poweredDown) this.#awakeAt = at + usToNs(this.kind.wakeUs);
        this.#poweredDown = false;
      },
    };
  }

  /** Instructions of one byte: taken when the chip is deselected just after them. */
  #simple(opcode: number): Instruction | undefined {
    const { enterFourByte } = this.kind;
    const allowed = enterFourByte === 'b7' || (enterFourByte === 'wren-b7' && this.#writeEnabled);
    const acts: Readonly<Record<number, () => void>> = {
      0x04: () => (this.#writeEnabled = false),
      0x06: () => (this.#writeEnabled = true),
      0xb9: () => (this.#poweredDown = true),
      0x50: () => (this.#flags = 0),
      0xb7: () => allowed && (this.#fourByte = true),
      0xe9: () => allowed && (this.#fourByte = false),
    };
    const act = acts[opcode];
    if (opcode === 0xc7 || opcode === 0x60) return this.#chipErase();
    return act && { exchange: () => FLOATING, end: (length) => void (length === 0 && act()) };
  }

  #reads(opcode: number): Instruction | undefined {
    const { jedecId, sfdp } = this.faults;
    const address = this.#fourByte ? 4 : 3;
    if (opcode === 0x9f) return told(Uint8Array.from(jedecId ?? this.kind.jedecId), 0);
    if (opcode === 0x35) return this.kind.writable.sr2 === 0 ? undefined : { exchange: () => this.sr2 };
    if (opcode === 0x3f && this.kind.quadEnable === 3) return { exchange: () => this.sr2 };
    if (opcode === 0x5a) {
      const bytes = sfdpBytes(this.kind);
      return this.#addressed(3, 1, (at) => (sfdp?.(bytes) ?? bytes)[at] ?? FLOATING);
    }
    if (opcode === 0xc8 && this.kind.enterFourByte === 'segment-c5') return { exchange: () => this.#segment };
    if (opcode === 0x4b && this.uid.length > 0) return told(this.uid, 4);
    const above = this.#above(address);
    if (opcode === 0x03) return this.#addressed(address, 0, (at) => this.#cell(above + at));
    if (opcode === 0x0b) return this.#addressed(address, 1, (at) => this.#cell(above + at));
    const large = this.kind.enterFourByte !== undefined;
    if (opcode === 0x0c && large) return this.#addressed(4, 1, (at) => this.#cell(at));
    if (opcode === 0x13 && large) return this.#addressed(4, 0, (at) => this.#cell(at));
    return undefined;
  }

  #writes(opcode: number): Instruction | undefined {
    const address = this.#fourByte ? 4 : 3;
    const { quadEnable } = this.kind;
    if (opcode === 0x01) return this.#statusWrite((data) => this.#statusByBoth(data));
    if (opcode === 0x31 && (quadEnable === 4 || quadEnable === 6)) return this.#statusWrite(([sr2]) => ({ sr2 }));
    if (opcode === 0x3e && quadEnable === 3) return this.#statusWrite(([sr2]) => ({ sr2 }));
    if (opcode === 0x17 && this.kind.enterFourByte === 'bank-17') return this.#bankWrite();
    if (opcode === 0xc5 && this.kind.enterFourByte === 'segment-c5') return this.#segmentWrite();
    if (opcode === 0x02) return this.#pageProgram(address);
    if (opcode === 0x12 && this.#hasFourByteInstructions) return this.#pageProgram(4);
    for (const erase of this.kind.erases) {
      if (opcode === erase.opcode) return this.#erase(address, erase);
      if (opcode === erase.fourByteOpcode) return this.#erase(4, erase);
    }
    return undefined;
  }

  get #hasFourByteInstructions(): boolean {
    return this.kind.erases.some(({ fourByteOpcode }) => fourByteOpcode !== undefined);
  }

  #status(): number {
    const busy = this.#operation && this.kind.flagStatus !== 'only' ? BUSY : 0;
    return this.sr1 | (this.#writeEnabled ? WEL : 0) | busy;
  }

  #flagStatus(): number {
    this.#unasked = false;
    return this.#flags | (this.#operation ? 0 : FLAG.ready) | (this.#fourByte ? FLAG.fourByte : 0);
  }

  /** Where the quad enable bit is as JESD216's first kind has it, a write of register 1 alone clears register 2. */
  #statusByBoth(data: readonly number[]): WrittenRegisters | undefined {
    const { quadEnable } = this.kind;
    const one = quadEnable === 2 || quadEnable === 3 || quadEnable === 6;
    if (data.length > (one ? 1 : 2)) return undefined;
    const [sr1 = 0, sr2] = data;
    if (sr2 !== undefined) return { sr1, sr2 };
    return quadEnable === 1 ? { sr1, sr2: 0 } : { sr1 };
  }

  /** Takes the write enable with it. */
  #segmentWrite(): Instruction {
    let value = 0;
    return {
      exchange: (index, mosi) => (index === 0 && (value = mosi), FLOATING),
      end: () => {
        if (this.#writeEnabled) this.#segment = value & (this.kind.size / 0x1000000 - 1);
        this.#writeEnabled = false;
      },
    };
  }

  #bankWrite(): Instruction {
    return { exchange: (index, mosi) => (index === 0 && (this.#fourByte = (mosi & 0x80) !== 0), FLOATING) };
  }

  #cell(address: number): number {
    const at = address % this.kind.size;
    this.faults.reading?.(at);
    return this.cells.read(at);
  }

  #above(addressBytes: number): number {
    return addressBytes === 3 ? this.#segment * 0x1000000 : 0;
  }

  /** Address bytes, dummy bytes, and then one byte after another without end. */
  #addressed(addressBytes: number, dummy: number, read: (address: number) => number): Instruction {
    let address = 0;
    return {
      exchange: (index, mosi) => {
        if (index < addressBytes) address = address * 256 + mosi;
        return index < addressBytes + dummy ? FLOATING : read(address + index - addressBytes - dummy);
      },
    };
  }

  #pageProgram(addressBytes: number): Instruction {
    let address = 0;
    // What is clocked in beyond the page's end goes on at its start; of more than a page the last 256 bytes count.
    const latch = new Map<number, number>();
    return {
      exchange: (index, mosi) => {
        if (index < addressBytes) address = address * 256 + mosi;
        else latch.set((address + index - addressBytes) % PAGE, mosi);
        return FLOATING;
      },
      end: (_, at) => {
        if (latch.size === 0 || !this.#writeEnabled) return;
        const page = (this.#above(addressBytes) + address - (address % PAGE)) % this.kind.size;
        const { programUs, firstByteUs } = this.kind;
        const us = firstByteUs + ((programUs - firstByteUs) * (latch.size - 1)) / (PAGE - 1);
        const each = (act: (address: number, byte: number) => void) => () =>
          latch.forEach((byte, offset) => act(page + offset, byte));
        this.counts.programs++;
        this.#begin(at, usToNs(us), 'program', {
          finish: each((where, byte) => this.cells.program(where, byte)),
          tear: each((where, byte) => this.cells.programHalfway(where, byte, this.#prng)),
        });
      },
    };
  }

  #erase(addressBytes: number, { size, ms }: NorKind['erases'][number]): Instruction {
    let address = 0;
    return {
      exchange: (index, mosi) => {
        if (index < addressBytes) address = address * 256 + mosi;
        return FLOATING;
      },
      end: (length, at) => {
        if (length !== addressBytes || !this.#writeEnabled) return;
        const from = (this.#above(addressBytes) + address - (address % size)) % this.kind.size;
        this.counts.erases++;
        this.#begin(at, toNs(ms), 'erase', this.#erasing(from, size));
      },
    };
  }

  #chipErase(): Instruction {
    return {
      exchange: () => FLOATING,
      end: (length, at) => {
        if (length !== 0 || !this.#writeEnabled) return;
        this.counts.erases++;
        this.#begin(at, toNs(this.kind.chipEraseMs), 'erase', this.#erasing(0, this.kind.size));
      },
    };
  }

  #erasing(from: number, size: number): Pick<Operation, 'finish' | 'tear'> {
    return {
      finish: () => this.cells.erase(from, size),
      tear: () => this.cells.eraseHalfway(from, size, this.#prng),
    };
  }

  #statusWrite(registers: (data: readonly number[]) => WrittenRegisters | undefined): Instruction {
    const data: number[] = [];
    return {
      exchange: (_, mosi) => {
        data.push(mosi);
        return FLOATING;
      },
      end: (_, at) => {
        const written = data.length === 0 ? undefined : registers(data);
        if (!written || !this.#writeEnabled) return;
        const { writable } = this.kind;
        const { sr1 = this.sr1, sr2 = this.sr2 } = written;
        const write = () => {
          if (this.faults.statusLocked) return;
          this.sr1 = (this.sr1 & ~writable.sr1) | (sr1 & writable.sr1);
          this.sr2 = (this.sr2 & ~writable.sr2) | (sr2 & writable.sr2);
        };
        this.#start(at, toNs(this.kind.statusWriteMs), { finish: write, tear: () => undefined });
      },
    };
  }

  /** An operation on the cells: does nothing where they are protected. */
  #begin(at: number, ns: number, what: 'erase' | 'program', work: Pick<Operation, 'finish' | 'tear'>): void {
    const { protects } = this.kind;
    const free = (this.sr1 & protects.sr1) === 0 && (this.sr2 & protects.sr2) === 0;
    const fails = this.#operations >= (this.faults.failsFrom ?? Infinity);
    if (free && !fails) {
      this.#start(at, ns, work);
      return;
    }
    const flags = FLAG[what] | (free ? 0 : FLAG.protection);
    const finish = () => void (this.#flags |= flags);
    this.#start(at, free ? ns : usToNs(REFUSED_US), { finish, tear: () => undefined });
  }

  #start(at: number, ns: number, work: Pick<Operation, 'finish' | 'tear'>): void {
    const { neverReadyFrom = Infinity, slow = 1 } = this.faults;
    const endsAt = this.#operations >= neverReadyFrom ? Infinity : at + Math.round(ns * slow);
    this.#operations++;
    this.#operation = { startsAt: at, endsAt, ...work };
  }
}

/** Bytes one after another, from their first again after the last. */
function told(bytes: Uint8Array, dummy: number): Instruction {
  return {
    exchange: (index) => (index < dummy ? FLOATING : (bytes[(index - dummy) % bytes.length] ?? FLOATING)),
  };
}
