import type { SystemBoot } from '../../chip.ts';

/** What the ROM does to the flash, through its controller's registers as any code on the core would. Times in nanoseconds. */
export interface RomFlash {
  /** 0, 1 or 2 (read-out protection). */
  level(at: number): number;
  /** Resolve to when it is done. False for a page that there is not. */
  erase(page: number, at: number): number | false;
  massErase(at: number): number;
  write(address: number, data: Uint8Array, at: number): number;
  setReadout(protect: boolean, at: number): number;
  /** Null: none is protected any more. */
  setWriteProtection(sectors: readonly number[] | null, at: number): number;
}

/** Register accesses one after another, and waits for the controller in between. */
export class RomBus {
  readonly #system: SystemBoot;
  readonly #idleAt: (at: number) => number;
  at: number;

  constructor(system: SystemBoot, idleAt: (at: number) => number, at: number) {
    this.#system = system;
    this.#idleAt = idleAt;
    this.at = at;
  }

  poke(address: number, value: number, size: 1 | 4 = 4): void {
    this.at = this.#system.bus.write(address, size, value >>> 0, this.at).doneAt;
  }

  peek(address: number): number {
    const { value, doneAt } = this.#system.bus.read(address, 4, this.at);
    this.at = doneAt;
    return value;
  }

  wait(): void {
    this.at = this.#idleAt(this.at);
  }
}

export type OpenRomBus = (at: number) => RomBus;

/** The control registers that both families have, at addresses of their own. */
export interface RomRegisters {
  readonly key: number;
  readonly status: number;
  readonly control: number;
  /** Flags of the status register that are cleared by writing them. */
  readonly errors: number;
}

const FLASH_KEYS = [0x45670123, 0xcdef89ab];
export const OPTION_KEYS = [0x08192a3b, 0x4c5d6e7f];
const LOCK = 0x80000000;

/** Opens the controller, has `work` done, waits for it and locks again; resolves to when that is. */
export function unlockedBy(open: OpenRomBus, { key, status, control, errors }: RomRegisters) {
  return (at: number, work: (bus: RomBus) => void): number => {
    const bus = open(at);
    for (const value of FLASH_KEYS) bus.poke(key, value);
    bus.poke(status, errors);
    work(bus);
    bus.wait();
    bus.poke(control, LOCK);
    return bus.at;
  };
}

export function rdpLevelOf(byte: number): number {
  return byte === 0xaa ? 0 : byte === 0xcc ? 2 : 1;
}

export const RDP_LEVEL_0 = 0xaa;
export const RDP_LEVEL_1 = 0x55;
