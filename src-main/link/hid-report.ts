/** A full-speed interrupt endpoint's packet, and what CMSIS-DAP v1 probes use unless they say otherwise. */
const USUAL_BYTES = 64;
/** The longest that a high-speed interrupt endpoint carries in one packet. */
const LONGEST_BYTES = 1024;

/** Short items of a report descriptor without their size bits (HID 1.11, 6.2.2.4 and 6.2.2.7). */
const OUTPUT = 0x90;
const REPORT_SIZE = 0x74;
const REPORT_COUNT = 0x94;
const LONG_ITEM = 0xfe;

/**
 * Length of the output report, in bytes, that a report descriptor asks for (its output fields added up); 64 where it
 * says nothing usable.
 */
export function outputReportBytes(descriptor: Uint8Array | undefined): number {
  let size = 0;
  let count = 0;
  let bits = 0;
  for (const { tag, value } of items(descriptor ?? new Uint8Array())) {
    if (tag === REPORT_SIZE) size = value;
    else if (tag === REPORT_COUNT) count = value;
    else if (tag === OUTPUT) bits += size * count;
  }
  const bytes = bits / 8;
  return Number.isInteger(bytes) && bytes >= 1 && bytes <= LONGEST_BYTES ? bytes : USUAL_BYTES;
}

function* items(descriptor: Uint8Array): Generator<{ readonly tag: number; readonly value: number }> {
  for (let at = 0; at < descriptor.length;) {
    const prefix = descriptor[at] ?? 0;
    if (prefix === LONG_ITEM) {
      at += 3 + (descriptor[at + 1] ?? 0);
      continue;
    }
    // Size code 3 means four bytes.
    const length = [0, 1, 2, 4][prefix & 3] ?? 0;
    let value = 0;
    for (let i = 0; i < length; i++) value += (descriptor[at + 1 + i] ?? 0) * 2 ** (8 * i);
    yield { tag: prefix & 0xfc, value };
    at += 1 + length;
  }
}
