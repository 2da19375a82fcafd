import type { ComponentId } from './component-id.ts';
import { ARM } from './manufacturers.ts';

/** ARM's part numbers of components in and around Cortex-M (the cores' reference manuals, ROM table chapters). */
const PARTS: Readonly<Record<number, string>> = {
  0x000: 'SCS (Cortex-M3)',
  0x001: 'ITM (Cortex-M3)',
  0x002: 'DWT (Cortex-M3)',
  0x003: 'FPB (Cortex-M3)',
  0x008: 'SCS (Cortex-M0)',
  0x00a: 'DWT (Cortex-M0)',
  0x00b: 'BPU (Cortex-M0)',
  0x00c: 'SCS (Cortex-M4)',
  0x00e: 'FPB (Cortex-M7)',
  0x470: 'ROM table (Cortex-M1)',
  0x471: 'ROM table (Cortex-M0)',
  0x4c0: 'ROM table (Cortex-M0+)',
  0x4c3: 'ROM table (Cortex-M3)',
  0x4c4: 'ROM table (Cortex-M4)',
  0x4c7: 'ROM table (Cortex-M7 PPB)',
  0x4c8: 'ROM table (Cortex-M7)',
  0x906: 'CTI',
  0x907: 'ETB',
  0x908: 'trace funnel',
  0x909: 'trace replicator',
  0x912: 'TPIU',
  0x913: 'ITM',
  0x914: 'SWO',
  0x923: 'TPIU (Cortex-M3)',
  0x924: 'ETM (Cortex-M3)',
  0x925: 'ETM (Cortex-M4)',
  0x932: 'MTB (Cortex-M0+)',
  0x941: 'TPIU-Lite',
  0x961: 'TMC',
  0x962: 'STM',
  0x975: 'ETM (Cortex-M7)',
  0x9a1: 'TPIU (Cortex-M4)',
  0x9a6: 'CTI (Cortex-M0+)',
  0x9a9: 'TPIU (Cortex-M7)',
};

/** DEVARCH.ARCHID: from ARMv8-M on a part number is the whole core's, and this tells the component. */
const ARCHITECTURES: Readonly<Record<number, string>> = {
  0x0a17: 'MEM-AP',
  0x0a27: 'JTAG-AP',
  0x0a31: 'MTB',
  0x0a34: 'power requester',
  0x0af7: 'ROM table',
  0x1a01: 'ITM',
  0x1a02: 'DWT',
  0x1a03: 'FPB',
  0x1a14: 'CTI',
  0x2a04: 'SCS',
  0x4a13: 'ETM',
};

/** What a component is, for people; undefined when the table does not know it. */
export function componentName({ designer, part, architecture }: ComponentId): string | undefined {
  if (designer === ARM && PARTS[part] !== undefined) return PARTS[part];
  if (architecture?.architect === ARM) return ARCHITECTURES[architecture.id];
  return undefined;
}
