import { crc32 } from '#shared/base/digest.ts';
import type { CrcField } from '#shared/model/manufacturing.ts';

interface Crc16 {
  readonly polynomial: number;
  readonly initial: number;
  /** The lowest bit of a byte first; the polynomial is then written the other way round. */
  readonly reflected: boolean;
}

/** As "Catalogue of parametrised CRC algorithms" names them; none has a final XOR. */
const CRC16: Readonly<Record<Exclude<CrcField['type'], 'crc32'>, Crc16>> = {
  'crc16-ccitt-false': { polynomial: 0x1021, initial: 0xffff, reflected: false },
  'crc16-xmodem': { polynomial: 0x1021, initial: 0, reflected: false },
  'crc16-modbus': { polynomial: 0xa001, initial: 0xffff, reflected: true },
};

export function crcOf(type: CrcField['type'], bytes: Uint8Array): number {
  if (type === 'crc32') return crc32(bytes);
  const { polynomial, initial, reflected } = CRC16[type];
  let crc = initial;
  for (const byte of bytes) {
    crc ^= reflected ? byte : byte << 8;
    for (let bit = 0; bit < 8; bit++) {
      if (reflected) crc = crc & 1 ? (crc >>> 1) ^ polynomial : crc >>> 1;
      else crc = crc & 0x8000 ? ((crc << 1) ^ polynomial) & 0xffff : (crc << 1) & 0xffff;
    }
  }
  return crc;
}
