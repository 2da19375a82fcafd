/**
 * Factory information (nRF52840 PS v1.1, 4.4): an nRF52840 QIAA, code AAC0, that is a part whose access port
 * protection is UICR.APPROTECT alone.
 */
export interface Factory {
  /** FICR.INFO.PART; another value makes another chip (fault injection). */
  readonly part: () => number;
  readonly deviceId: readonly [number, number];
}

const PART = 0x100;
const DEVICEID0 = 0x060;
const DEVICEID1 = 0x064;

const FIXED: ReadonlyMap<number, number> = new Map([
  [0x010, 0x1000], // CODEPAGESIZE
  [0x014, 256], // CODESIZE, pages
  [0x104, 0x41414330], // INFO.VARIANT: AAC0
  [0x108, 0x2004], // INFO.PACKAGE: QI
  [0x10c, 256], // INFO.RAM, KiB
  [0x110, 1024], // INFO.FLASH, KiB
]);

/** `offset` in bytes from 0x10000000; what is not described reads erased. */
export function readFicr(factory: Factory, offset: number): number {
  if (offset === PART) return factory.part();
  if (offset === DEVICEID0) return factory.deviceId[0];
  if (offset === DEVICEID1) return factory.deviceId[1];
  return FIXED.get(offset) ?? 0xffffffff;
}
