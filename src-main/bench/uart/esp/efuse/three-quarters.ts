/**
 * ESP32's coding scheme 3/4 (ESP32 TRM, 20.3.1.2): of each eight bytes six are data, then come their exclusive or and the sum of
 * each byte's place, counted from 1, times its ones.
 */
export function threeQuarters(cells: Uint8Array): { readonly data: Uint8Array; readonly failed: boolean } {
  const data = new Uint8Array(24);
  let failed = false;
  for (let part = 0; part < 4; part++) {
    const bytes = cells.subarray(part * 8, part * 8 + 8);
    let xor = 0;
    let sum = 0;
    for (let index = 0; index < 6; index++) {
      const byte = bytes[index] ?? 0;
      data[part * 6 + index] = byte;
      xor ^= byte;
      for (let bit = 0; bit < 8; bit++) sum += ((byte >>> bit) & 1) * (index + 1);
    }
    if (xor !== bytes[6] || (sum & 0xff) !== bytes[7]) failed = true;
  }
  return { data, failed };
}
