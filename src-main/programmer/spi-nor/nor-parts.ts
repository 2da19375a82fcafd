import { toHex } from '#shared/base/bytes.ts';
import { type ChipDescription, type FlashMemory, flashMemories } from '#shared/model/chip.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { SpiInterface } from '#shared/model/interfaces/spi.ts';
import { type NorInstructions, Opcode } from './nor-commands.ts';
import type { EraseType, FlagStatus, QuadEnable, SfdpParameters } from './sfdp.ts';

/** What is done to one chip, and how: its description and what it says of itself, which must agree. */
export interface NorParts {
  readonly jedecId: string;
  readonly size: number;
  readonly page: number;
  /** Typical microseconds of a page. */
  readonly programUs: number;
  readonly erases: readonly Required<Pick<EraseType, 'size' | 'opcode' | 'ms'>>[];
  readonly instructions: NorInstructions;
  readonly eraseAddressBytes: 3 | 4;
  /** What must be sent before addresses beyond 16 MiB are taken. */
  readonly enterFourByte: 'b7' | 'wren-b7' | 'bank-17' | 'segment-c5' | 'none';
  readonly softReset: boolean;
  /** There is a second status register, read by 35h. */
  readonly hasStatus2: boolean;
  readonly quadEnable: QuadEnable;
  readonly flagStatus: FlagStatus;
}

/** Addresses of three bytes end here. */
const THREE_BYTE_SIZE = 0x1000000;
/** What all makers use, for chips that do not describe themselves. */
const USUAL_ERASES: Readonly<Record<number, number>> = { 0x1000: 0x20, 0x8000: 0x52, 0x10000: 0xd8 };
const USUAL_PAGE = 256;

/** Throws `wrong-chip` where the chip is not the one described. `jedecId` are the three bytes that 9Fh answers. */
export function norParts(
  chip: ChipDescription,
  spi: SpiInterface,
  jedecId: Uint8Array,
  sfdp: SfdpParameters | undefined,
  clockHz: number,
): NorParts {
  const id = toHex(jedecId);
  if (spi.jedecId && !spi.jedecId.includes(id)) throw wrongChip(chip, 'JEDEC ID', id.toUpperCase());
  const [memory] = flashMemories(chip);
  if (!memory) throw new RangeError(`${chip.id} has no flash memory`);
  if (!spi.jedecId && !sfdp) throw wrongChip(chip, 'SFDP', `none (JEDEC ID ${id.toUpperCase()})`);
  if (sfdp) checkSfdp(chip, memory, sfdp, spi.jedecId === undefined);
  const size = sfdp?.size ?? memory.size;
  const large = size > THREE_BYTE_SIZE;
  const known = large ? fourByteErases(sfdp) : undefined;
  const dedicated = known !== undefined && sfdp?.fourByteOpcodes.program !== undefined;
  const addressBytes = large ? 4 : 3;
  const enter = large && !dedicated ? entering(chip, spi, sfdp) : 'none';
  const erases = (dedicated ? known : sfdp?.erases) ?? describedErases(memory);
  const quad = quadEnable(spi, sfdp);
  return {
    jedecId: id,
    size,
    page: sfdp?.page ?? USUAL_PAGE,
    programUs: sfdp?.programUs ?? memory.wordUs * (USUAL_PAGE / memory.word),
    erases: erases.map(({ size: each, opcode, ms }) => ({ size: each, opcode, ms: ms ?? describedMs(memory, each) })),
    eraseAddressBytes: addressBytes,
    instructions: instructions(dedicated, addressBytes, clockHz),
    enterFourByte: enter,
    softReset: sfdp?.softReset ?? false,
    quadEnable: quad,
    flagStatus: spi.flagStatus ? (sfdp?.flagStatus === 'only' ? 'only' : 'errors') : (sfdp?.flagStatus ?? 'none'),
    hasStatus2: spi.blockProtection.sr2 !== 0 || quad.startsWith('sr2-bit1'),
  };
}

/** The description knows better than a chip of before JESD216A, which does not tell. */
function quadEnable(spi: SpiInterface, sfdp: SfdpParameters | undefined): QuadEnable {
  const told = sfdp?.quadEnable ?? 'unknown';
  return told === 'unknown' ? (spi.quadEnable ?? 'unknown') : told;
}

function checkSfdp(chip: ChipDescription, memory: FlashMemory, sfdp: SfdpParameters, generic: boolean): void {
  const fits = generic ? sfdp.size <= memory.size : sfdp.size === memory.size;
  if (!fits) throw wrongChip(chip, 'SFDP density', `${sfdp.size} bytes`);
  if (!sfdp.erases.some(({ size }) => memory.page % size === 0)) {
    const sizes = sfdp.erases.map(({ size }) => size).join(', ');
    throw wrongChip(chip, 'SFDP erase types', `${sizes} bytes`);
  }
}

export function wrongChip(chip: ChipDescription, register: string, found: string): FlashlineError {
  return new FlashlineError('wrong-chip', { params: { expected: chip.name, register, found } });
}

/** Those with an instruction of their own for 4-byte addresses; undefined where the smallest has none. */
function fourByteErases(sfdp: SfdpParameters | undefined): EraseType[] | undefined {
  const found = (sfdp?.erases ?? []).flatMap((erase) =>
    erase.fourByteOpcode === undefined ? [] : [{ ...erase, opcode: erase.fourByteOpcode }],
  );
  return found[0] && found[0].size === sfdp?.erases[0]?.size ? found : undefined;
}

function entering(
  chip: ChipDescription,
  spi: SpiInterface,
  sfdp: SfdpParameters | undefined,
): NorParts['enterFourByte'] {
  if (sfdp?.addressBytes === 4 || sfdp?.enterFourByte === 'always') return 'none';
  const told = sfdp?.enterFourByte === 'none' ? undefined : sfdp?.enterFourByte;
  const way = spi.enterFourByte ?? told;
  if (way) return way;
  // Before JESD216B chips did not tell how; all take B7h, and a write enable before it does no harm to those that need none.
  if (sfdp?.addressBytes === 'both') return 'wren-b7';
  throw wrongChip(chip, 'SFDP 4-byte addressing', 'no way that is known here');
}

function instructions(dedicated: boolean, addressBytes: 3 | 4, clockHz: number): NorInstructions {
  const fast = clockHz === 0 || clockHz > SLOW_READ_HZ || dedicated;
  return {
    read: { opcode: dedicated ? 0x0c : fast ? Opcode.fastRead : Opcode.read, addressBytes },
    readDummy: fast ? 1 : 0,
    program: { opcode: dedicated ? 0x12 : Opcode.program, addressBytes },
  };
}

/** Up to here every chip keeps up with a read without dummy clocks (the slowest we know of: MX25L, fR 33 MHz). */
const SLOW_READ_HZ = 20_000_000;

function describedErases({ page, eraseMs, eraseBlocks = [] }: FlashMemory): EraseType[] {
  return [{ size: page, ms: eraseMs }, ...eraseBlocks].flatMap(({ size, ms }) => {
    const opcode = USUAL_ERASES[size];
    return opcode === undefined ? [] : [{ size, ms, opcode }];
  });
}

/** Of a size that the description does not name: as many pages. */
function describedMs({ page, eraseMs, eraseBlocks = [] }: FlashMemory, size: number): number {
  return eraseBlocks.find((block) => block.size === size)?.ms ?? (size / page) * eraseMs;
}
