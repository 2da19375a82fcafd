/**
 * CRC-16 of packets and zone summaries (ATECC508A DS20005927A, 9.1.2): polynomial 0x8005, initial 0, each byte's lowest bit
 * first into the register's highest; sent low byte first.
 */
export function ateccCrc(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) {
    for (let bit = 0; bit < 8; bit++) {
      const feedback = (crc >>> 15) ^ ((byte >>> bit) & 1);
      crc = ((crc << 1) & 0xffff) ^ (feedback ? 0x8005 : 0);
    }
  }
  return crc;
}
