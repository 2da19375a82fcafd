import { z } from 'zod';
import { FlashlineError } from './failure.ts';
import { DfuInterface } from './interfaces/dfu.ts';
import { Hf2Interface } from './interfaces/hf2.ts';
import { I2cInterface } from './interfaces/i2c.ts';
import { SpiInterface } from './interfaces/spi.ts';
import { UartInterface } from './interfaces/uart.ts';
import { Uf2Interface } from './interfaces/uf2.ts';
import { Address, type FlashMemory, Memory, Size } from './memory.ts';
import type { Interface } from './recipe.ts';

export { type FlashMemory, Memory } from './memory.ts';

/** A register that must hold `value` under `mask` for the chip to be the one named. */
const IdentityCheck = z.strictObject({
  register: z.string(),
  address: Address,
  value: z.number().int(),
  mask: z.number().int().default(0xffffffff),
});

const IdPart = z.strictObject({ address: Address, size: Size });

export const ChipDescription = z.strictObject({
  schema: z.literal(1),
  /** What a recipe's `chip:` says. */
  id: z.string().regex(/^[a-z0-9-]+$/),
  name: z.string(),
  /** With `swd` and `controller`: what a debug probe must know. Absent where none reaches the chip. */
  core: z
    .enum(['cortex-m0', 'cortex-m0plus', 'cortex-m3', 'cortex-m4', 'cortex-m7', 'cortex-m23', 'cortex-m33'])
    .optional(),
  /** Data sheet and revision that these figures come from. */
  source: z.string(),
  swd: z
    .strictObject({
      maxHz: z.number().int().positive(),
      /** DPv2: this chip's TARGETSEL, where several debug ports share the wires (ADIv5.2, B2.2.10). */
      targetSel: Address.optional(),
    })
    .optional(),
  /** Absent where the chip has no JTAG pins. */
  jtag: z
    .strictObject({
      maxHz: z.number().int().positive(),
      /** The chip's own TAPs, the one nearest to TDO first. */
      taps: z.array(
        z.strictObject({ name: z.string(), irLength: z.number().int().min(2), idcode: Address.optional() }),
      ),
      /** The name of the TAP that is the debug port. */
      debugPort: z.string(),
    })
    .optional(),
  /** How else the chip is programmed, each absent where it is not: by boot loaders, or because it is a memory on a bus. */
  uart: UartInterface.optional(),
  dfu: DfuInterface.optional(),
  uf2: Uf2Interface.optional(),
  hf2: Hf2Interface.optional(),
  spi: SpiInterface.optional(),
  i2c: I2cInterface.optional(),
  /** The access port to the bus that memory is on: its number (ADIv5) or its address (ADIv6). */
  bus: z.strictObject({ ap: Address }).default({ ap: 0 }),
  memories: z.array(Memory).min(1),
  identity: z
    .strictObject({
      /** Read by a debug probe; other interfaces have checks of their own. */
      checks: z.array(IdentityCheck),
      /**
       * The hardware id: `size` bytes from `address`, read before anything is erased; a list where it lies in several
       * places, its lowest bytes first. Absent where the chip has none that we know of: the serial alone then tells its
       * units apart.
       */
      uid: z.union([IdPart, z.array(IdPart).min(1)]).optional(),
    })
    .default({ checks: [] }),
  /** Words whose value locks the chip. No image may write them: locks are steps of the recipe, done last. */
  locks: z
    .array(
      z.strictObject({
        name: z.string(),
        memory: z.string(),
        address: Address,
        size: Size,
        unlocked: z.number().int(),
      }),
    )
    .default([]),
  /**
   * The flash controller: `kind` names its flash algorithm (a folder of resources/flash-algorithms), `base` its
   * registers. A new family is that folder's one small source and this file.
   */
  controller: z.strictObject({ kind: z.string().regex(/^[a-z0-9-]+$/), base: Address }).optional(),
  /** Of the controller kind `flm`: the CMSIS flash algorithms that came with the chip's pack, beside this file. */
  algorithms: z
    .array(
      z.strictObject({
        file: z.string().regex(/^[0-9a-z.-]+$/),
        sha256: z.string(),
        /** What it writes. */
        start: Address,
        size: Size,
        /** Where it may stand, with its stack and its buffers. */
        ram: z.strictObject({ start: Address, size: Size }),
      }),
    )
    .optional(),
  /** One command that erases all of these memories at once; typical time from the data sheet. */
  massErase: z.strictObject({ ms: z.number().positive(), memories: z.array(z.string()).min(1) }).optional(),
  /** How the chip refuses debuggers, and how a mass erase opens it again. Absent: it cannot refuse, or we cannot tell. */
  protection: z
    .discriminatedUnion('kind', [
      /** nRF52: CTRL-AP (nRF52840 PS v1.1, 4.8.2). */
      z.strictObject({ kind: z.literal('nrf-ctrl-ap'), ap: z.number().int() }),
      /** nRF51: UICR.RBPCONF; what it protects cannot be read, ERASEALL opens it (nRF51 RM v3.0, 6.1.4). */
      z.strictObject({ kind: z.literal('nrf51-rbpconf') }),
      /** STM32: read-out protection level in the option register. */
      z.strictObject({ kind: z.literal('stm32f4-rdp') }),
      z.strictObject({ kind: z.literal('stm32g0-rdp') }),
      /** SAM D: the security bit, told and lifted by the device service unit (SAMD21 data sheet, 13). */
      z.strictObject({ kind: z.literal('samd-dsu'), base: Address }),
    ])
    .optional(),
  /**
   * What the chip's start looks at first: a vector table, an image's header. A unit where that is erased does not start:
   * that is the valid flag of a unit without a boot loader's own. Absent where nothing starts from these memories.
   */
  boot: z.strictObject({ vectors: Address }).optional(),
  /** Where a program's checksum block stands, so that only what changed is written (model/checksum-block.ts). */
  checksumBlock: z.strictObject({ position: Address }).optional(),
});
export type ChipDescription = z.infer<typeof ChipDescription>;

type DebugPart = 'core' | 'swd' | 'controller' | 'boot';
/** A chip that a debug probe reaches: all that it takes is described. */
export type DebugChip = ChipDescription & { readonly [K in DebugPart]-?: NonNullable<ChipDescription[K]> };

export function isDebugChip(chip: ChipDescription): chip is DebugChip {
  return chip.core !== undefined && chip.swd !== undefined && chip.controller !== undefined && chip.boot !== undefined;
}

/** The chip as debug probes need it. Throws `interface-unsupported` where none reaches it. */
export function debugChip(chip: ChipDescription, via: Interface = 'swd'): DebugChip {
  if (isDebugChip(chip)) return chip;
  throw new FlashlineError('interface-unsupported', { params: { interface: via, chip: chip.name } });
}

/** Whether this interface of the chip is described. */
export function hasInterface(chip: ChipDescription, via: Interface): boolean {
  if (via === 'swd') return isDebugChip(chip);
  return chip[via] !== undefined;
}

/**
 * The chip as it looks by one of its interfaces: a boot loader may write in larger pieces than the flash controller does,
 * show less of the memory, and look at other vectors than the core does.
 */
export function chipBy(chip: ChipDescription, via: Interface): ChipDescription {
  const way = via === 'swd' || via === 'jtag' ? undefined : chip[via];
  const boot = way && 'boot' in way ? way.boot : chip.boot;
  return { ...chip, ...(way?.memories ? { memories: way.memories } : {}), ...(boot ? { boot } : {}) };
}

export function flashMemories(chip: ChipDescription): FlashMemory[] {
  return chip.memories.filter((memory): memory is FlashMemory => memory.kind === 'flash');
}

/** The flash memory that holds [address, address + size) whole, if any. */
export function flashHolding(chip: ChipDescription, address: number, size: number): FlashMemory | undefined {
  return flashMemories(chip).find((memory) => address >= memory.start && address + size <= memory.start + memory.size);
}

/**
 * The run of flash memories, without a gap between them, that holds the boot vectors; sorted by address. Chips whose
 * sectors differ in size are described as several such memories.
 */
export function bootMemories(chip: ChipDescription): FlashMemory[] {
  const sorted = flashMemories(chip).toSorted((a, b) => a.start - b.start);
  const vectors = chip.boot?.vectors ?? -1;
  const boot = sorted.findIndex(({ start, size }) => vectors >= start && vectors < start + size);
  if (boot < 0) return [];
  const joins = (index: number) => {
    const before = sorted[index - 1];
    return before !== undefined && before.start + before.size === sorted[index]?.start;
  };
  let from = boot;
  while (joins(from)) from--;
  let to = boot + 1;
  while (to < sorted.length && joins(to)) to++;
  return sorted.slice(from, to);
}
