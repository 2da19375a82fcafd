import type { AccessPort } from '../bus.ts';
import { AhbAp, type AhbApIdentity } from '../ahb-ap.ts';
import type { ChipFactory } from '../chip.ts';
import { CORTEX_M0 } from '../cpu/core-kind.ts';
import { NrfChip, type NrfKind } from './nrf-chip.ts';
import { NRF51_NVMC } from './nvmc.ts';
import { SwDp } from '../sw-dp.ts';

/** nRF51 RM v3.0, 3.2 (memory map) and 6.1.1 (a word may be written twice between two erases); the core runs at 16 MHz. */
const KIND: NrfKind = {
  core: CORTEX_M0,
  hz: 16_000_000,
  flash: { start: 0, size: 0x40000 },
  flashKind: { page: 0x400, writesAllowed: 2 },
  uicr: { start: 0x10001000, size: 0x100 },
  uicrKind: { page: 0x100, writesAllowed: 2 },
  ram: { start: 0x20000000, size: 0x4000 },
  peripherals: [
    { start: 0x40000000, size: 0x80000 },
    { start: 0x50000000, size: 0x1000 },
  ],
  nvmc: NRF51_NVMC,
};

/** A Cortex-M0 debug access port; as the part answers. */
const AP: AhbApIdentity = { idr: 0x04770021, base: 0xe00ff003, packed: false };
const DPIDR = 0x0bb11477;

const RBPCONF = 0x10001004;
/** Pages; a quarter as many is what another part of the family would have. */
const CODESIZE = 0x100;
const WRONG_CODESIZE = 0x80;

/** FICR by byte offset (RM v3.0, 7): what is not described reads erased. */
const FICR: ReadonlyMap<number, number> = new Map([
  [0x010, 0x400], // CODEPAGESIZE
  [0x02c, 0xffffffff], // PPFC: no factory code
  [0x034, 2], // NUMRAMBLOCK
  [0x038, 0x2000], // SIZERAMBLOCKS
  [0x05c, 0xffff0072], // CONFIGID: HWID of an xxAA
]);

/**
 * The nRF51822 xxAA behind its pins: one access port, memory, flash controller, a Cortex-M0 that executes. UICR.RBPCONF.PALL keeps
 * debuggers out of code memory, which then reads as zero; ERASEALL opens the chip again (RM v3.0, 6.1.4 and 8). What protection
 * does to RAM and to programs in it is not modelled.
 */
export class Nrf51822 extends NrfChip {
  readonly debugPorts: readonly [SwDp];
  readonly #ahbAp: AhbAp;

  constructor({ idWords, seed, wrongPart, incrementWindow = 0x400 }: ChipFactory) {
    super(KIND, seed, (offset) => {
      if (offset === 0x014) return wrongPart() ? WRONG_CODESIZE : CODESIZE;
      if (offset === 0x060) return idWords[0];
      return offset === 0x064 ? idWords[1] : (FICR.get(offset) ?? 0xffffffff);
    });
    this.#ahbAp = new AhbAp(this, () => true, incrementWindow, AP);
    this.debugPorts = [new SwDp(new Map<number, AccessPort>([[0, this.#ahbAp]]), { dpidr: DPIDR })];
    this.powerOn();
  }

  protect(): void {
    this.uicr.program(RBPCONF, 0xffff00ff);
  }

  /** SWDIO/nRESET is one pin: under a debugger it is SWDIO, and resets nothing (RM v3.0, 11.1.4). */
  resetPin(): void {}

  /** Only code memory is hidden; UICR, where protection can be read, and the flash controller are not. */
  protected override hiddenFromDebugger(address: number): boolean {
    return this.protectionOn && this.flash.holds(address);
  }

  /** PALL, bits 8-15: 0x00 protects all (RM v3.0, 8, RBPCONF). */
  protected protectionWanted(): boolean {
    return ((this.uicr.readWord(RBPCONF) >>> 8) & 0xff) === 0;
  }

  protected powerOnDebug(): void {
    this.debugPorts[0].powerOnReset();
    this.#ahbAp.powerOnReset();
  }
}
