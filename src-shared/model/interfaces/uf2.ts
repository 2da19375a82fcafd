import { z } from 'zod';
import { Address, SeenMemories } from '../memory.ts';

/** Family ids (github.com/microsoft/uf2): which firmware in a UF2 file is this chip's. */
export const Uf2Families = z.array(Address).min(1);

/** What the Board-ID of INFO_UF2.TXT looks like, as a regular expression: its first token is the chip. */
export const BoardId = z.string().min(1);

/** A boot loader that shows itself as a drive and takes a UF2 file. */
export const Uf2Interface = z.discriminatedUnion('kind', [
  /**
   * It shows the flash in CURRENT.UF2, writes each block as it comes, and leaves once it has had every number of a file
   * (uf2-samdx1, src/fat.c): a file with a number missing keeps it.
   */
  z.strictObject({
    kind: z.literal('current-uf2'),
    families: Uf2Families,
    board: BoardId,
    /** The serial number on USB is the hardware id's 32-bit words in hexadecimal, the lowest first. */
    uid: z.literal('usb-serial').optional(),
    /** How its firmware is asked for the boot loader: its serial port opened at 1200 baud and closed. */
    touch: z.literal('1200-baud').optional(),
    /** What the boot loader looks at before it starts the firmware. */
    boot: z.strictObject({ vectors: Address }),
    memories: SeenMemories,
  }),
  /** It shows nothing of what it holds: no write could be proven, so that UF2 files are images for other interfaces. */
  z.strictObject({ kind: z.literal('write-only'), families: Uf2Families, memories: SeenMemories }),
]);
export type Uf2Interface = z.infer<typeof Uf2Interface>;
