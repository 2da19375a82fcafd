import type { AccessPort } from '../bus.ts';
import { AhbAp } from '../ahb-ap.ts';
import type { ChipFactory } from '../chip.ts';
import { CORTEX_M4 } from '../cpu/core-kind.ts';
import { CtrlAp } from './ctrl-ap.ts';
import { readFicr } from './ficr.ts';
import { PAGE, WRITES_ALLOWED } from '../flash-array.ts';
import { NrfChip, type NrfKind } from './nrf-chip.ts';
import { NVMC_TIMES } from './nvmc.ts';
import { SwDp } from '../sw-dp.ts';

const FLASH_KIND = { page: PAGE, writesAllowed: WRITES_ALLOWED };

/** Memory map: nRF52840 PS v1.1, 4.2 Memory. The core always runs at 64 MHz. */
const KIND: NrfKind = {
  core: CORTEX_M4,
  hz: 64_000_000,
  flash: { start: 0, size: 0x100000 },
  flashKind: FLASH_KIND,
  uicr: { start: 0x10001000, size: 0x1000 },
  uicrKind: FLASH_KIND,
  ram: { start: 0x20000000, size: 0x40000 },
  peripherals: [
    { start: 0x40000000, size: 0x40000 },
    { start: 0x50000000, size: 0x1000 },
  ],
  nvmc: NVMC_TIMES,
};

const APPROTECT = 0x10001208;
const PART = 0x52840;
const WRONG_PART = 0x52833;
const PSELRESET = [0x10001200, 0x10001204] as const;

/** The nRF52840 behind its pins: two access ports, memory, flash controller, protection, a core that executes. */
export class Nrf52840 extends NrfChip {
  readonly debugPorts: readonly [SwDp];
  readonly #ahbAp: AhbAp;
  readonly #ctrlAp: CtrlAp;

  constructor({ idWords, seed, wrongPart, incrementWindow = 0x1000 }: ChipFactory) {
    const factory = {
      part: () => (wrongPart() ? WRONG_PART : PART),
      deviceId: [idWords[0], idWords[1]] as const,
    };
    super(KIND, seed, (offset) => readFicr(factory, offset));
    this.#ahbAp = new AhbAp(this, () => !this.protectionOn, incrementWindow);
    this.#ctrlAp = new CtrlAp({
      reset: (at) => this.systemReset(at),
      eraseAll: (at) => this.#startEraseAll(at),
      eraseAllBusy: (at) => this.flashIdleAt(at) !== undefined,
      protectionOn: () => this.protectionOn,
    });
    this.debugPorts = [
      new SwDp(
        new Map<number, AccessPort>([
          [0, this.#ahbAp],
          [1, this.#ctrlAp],
        ]),
      ),
    ];
    this.powerOn();
  }

  protect(): void {
    this.uicr.program(APPROTECT, 0xffffff00);
  }

  /** nRESET works only if both PSELRESET name the same connected pin (PS v1.1, 4.5 UICR, PSELRESET). */
  resetPin(asserted: boolean, at: number): void {
    if (!asserted) return;
    this.scs.core.runUntil(at);
    this.nvmc.settle(at);
    const [first, second] = PSELRESET.map((address) => this.uicr.readWord(address));
    const CONNECTED_MASK = 0x80000000;
    if (first === second && first !== undefined && (first & CONNECTED_MASK) === 0) this.systemReset(at);
  }

  /** Any PALL (bits 0-7) but 0xFF protects (PS v1.1, 4.5 UICR, APPROTECT). */
  protected protectionWanted(): boolean {
    return (this.uicr.readWord(APPROTECT) & 0xff) !== 0xff;
  }

  protected powerOnDebug(): void {
    this.debugPorts[0].powerOnReset();
    this.#ahbAp.powerOnReset();
    this.#ctrlAp.powerOnReset();
  }

  /** CTRL-AP ERASEALL also erases RAM (PS v1.1, 4.8.2). */
  #startEraseAll(at: number): void {
    this.scs.core.runUntil(at);
    this.nvmc.startEraseAll(at);
    this.eraseRam();
    this.scs.core.disturb();
  }
}
