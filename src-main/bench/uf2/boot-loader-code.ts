import type { ChipModel } from '../chip.ts';

/**
 * What of the boot loader the core itself executes: vectors, a loop in which it idles while the bench acts in its place, and a SysTick
 * handler that returns. Everything that exceptions come to is therefore the core's own doing (uf2-samdx1: startup_samd21.c, init_samd21.c).
 */
const VECTORS = 48;
/** Data, 8 KiB of stack above it (samd21j18a.ld); where that ends is an assumption, below 0x20005000 as main.c asserts. */
const STACK_TOP = 0x20002f00;
const IDLE = 0xc0;
const DUMMY_HANDLER = 0xc4;
const SYSTICK_HANDLER = 0xc6;
/** WFI, and B to it; B to itself; BX LR. */
const CODE = [0xe7fdbf30, 0x4770e7fe];

const SYST_CSR = 0xe000e010;
const SYST_RVR = 0xe000e014;
const VTOR = 0xe000ed08;
const SYSTICK = 15;
/** Enabled, with its exception. */
const TICKS = 3;
const BY_CORE_CLOCK = 4;
const HZ = 48_000_000;
/** SysTick_Config(1000). */
const TICK_CYCLES = 1000;

export function placeCode(chip: ChipModel): void {
  const vectors = Array.from({ length: VECTORS }, () => DUMMY_HANDLER | 1);
  vectors.splice(0, 2, STACK_TOP, IDLE | 1);
  vectors[SYSTICK] = SYSTICK_HANDLER | 1;
  [...vectors, ...CODE].forEach((word, index) => chip.preload(index * 4, word));
}

/** After a reset, once it has set up its clock. */
export function startCode(chip: ChipModel, at: number): void {
  chip.resetPin(true, at);
  chip.idleCore?.setClock(HZ);
  chip.write(SYST_RVR, 4, TICK_CYCLES - 1, at);
  chip.write(SYST_CSR, 4, TICKS | BY_CORE_CLOCK, at);
}

/**
 * The next SysTick behind `at`, where its exception leads elsewhere than into the boot loader (to itself it is nothing to tell of): when
 * it comes, and when its handler has returned, Infinity where it never does.
 */
export function strayTick(chip: ChipModel, at: number): { readonly from: number; readonly until: number } | undefined {
  const ticks = (chip.read(SYST_CSR, 4, at).value & TICKS) === TICKS;
  if (!ticks || chip.read(VTOR, 4, at).value === 0) return undefined;
  const period = (TICK_CYCLES * 1e9) / HZ;
  const from = Math.ceil((Math.floor(at / period) + 1) * period);
  return { from, until: chip.idleCore?.interrupt(SYSTICK, from) ?? Infinity };
}
