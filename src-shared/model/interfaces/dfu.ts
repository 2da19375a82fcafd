import { z } from 'zod';
import { SeenMemories } from '../memory.ts';

const UsbId = z.number().int().min(0).max(0xffff);

const common = {
  memories: SeenMemories,
  /** USB ids of its boot loader, and of its firmware where that offers DFU too: nothing else is touched. */
  ids: z.array(z.strictObject({ vendor: UsbId, product: UsbId })).min(1),
  /** Each unit has a USB serial number of its own, which may stand in for a hardware id. */
  serialIsUid: z.boolean().default(false),
};

/** USB device firmware upgrade. */
export const DfuInterface = z.discriminatedUnion('kind', [
  /**
   * USB DFU 1.1: one image an alternate setting, without addresses. The n-th flash memory is alternate setting n, counted
   * from 0, and one page.
   */
  z.strictObject({ kind: z.literal('dfu'), ...common }),
  /** ST's extension (AN3156, UM0424): addresses and erase commands in blocks 0. */
  z.strictObject({ kind: z.literal('dfuse'), ...common }),
]);
export type DfuInterface = z.infer<typeof DfuInterface>;
