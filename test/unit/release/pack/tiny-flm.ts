import { writeU32 } from '#shared/base/bytes.ts';

interface Part {
  readonly name: string;
  readonly type: number;
  readonly address: number;
  readonly bytes: Uint8Array;
  readonly link?: number;
}

/** The smallest ELF file that is a flash algorithm: code that does nothing, for a device of 256 KiB at 0. */
export function tinyFlm({ sectors = [{ size: 0x400, offset: 0 }] } = {}): Uint8Array {
  const strings = new Strings();
  const device = flashDevice(sectors);
  const symbols = [
    ['Init', 1],
    ['UnInit', 3],
    ['EraseSector', 5],
    ['ProgramPage', 7],
    ['FlashDevice', 0x14],
  ] as const;
  const table = new Uint8Array(16 * symbols.length);
  symbols.forEach(([name, value], index) => {
    writeU32(table, 16 * index, strings.at(name));
    writeU32(table, 16 * index + 4, value);
  });
  const code = new Uint8Array(0x10).fill(0x47);
  return elf([
    { name: '', type: 0, address: 0, bytes: new Uint8Array() },
    { name: 'PrgCode', type: 1, address: 0, bytes: code },
    { name: 'PrgData', type: 1, address: 0x10, bytes: new Uint8Array(4) },
    { name: 'DevDscr', type: 1, address: 0x14, bytes: device },
    { name: '.symtab', type: 2, address: 0, bytes: table, link: 5 },
    { name: '.strtab', type: 3, address: 0, bytes: strings.bytes() },
  ]);
}

function flashDevice(sectors: readonly { size: number; offset: number }[]): Uint8Array {
  const bytes = new Uint8Array(160 + 8 * (sectors.length + 1));
  bytes.set(new TextEncoder().encode('Tiny'), 2);
  [0, 0x40000, 0x100, 0, 0xff, 100, 300].forEach((value, index) => writeU32(bytes, 132 + 4 * index, value));
  [...sectors, { size: 0xffff_ffff, offset: 0xffff_ffff }].forEach(({ size, offset }, index) => {
    writeU32(bytes, 160 + 8 * index, size);
    writeU32(bytes, 164 + 8 * index, offset);
  });
  return bytes;
}

function elf(parts: readonly Part[]): Uint8Array {
  const names = new Strings();
  const all = [...parts, { name: '.shstrtab', type: 3, address: 0, bytes: new Uint8Array() }];
  const nameOffsets = all.map(({ name }) => names.at(name));
  const bodies = all.map((part, index) => (index === all.length - 1 ? names.bytes() : part.bytes));
  const header = 52;
  const offsets: number[] = [];
  let at = header;
  for (const body of bodies) {
    offsets.push(at);
    at += body.length;
  }
  const out = new Uint8Array(at + 40 * all.length);
  const view = new DataView(out.buffer);
  out.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]);
  view.setUint16(16, 2, true);
  view.setUint16(18, 40, true);
  view.setUint32(32, at, true);
  view.setUint16(46, 40, true);
  view.setUint16(48, all.length, true);
  view.setUint16(50, all.length - 1, true);
  all.forEach((part, index) => {
    const body = bodies[index] ?? new Uint8Array();
    out.set(body, offsets[index]);
    const fields = [
      nameOffsets[index] ?? 0,
      part.type,
      2,
      part.address,
      offsets[index] ?? 0,
      body.length,
      part.link ?? 0,
    ];
    fields.forEach((value, field) => view.setUint32(at + 40 * index + 4 * field, value, true));
  });
  return out;
}

class Strings {
  #text = '\0';

  at(name: string): number {
    const offset = this.#text.length;
    this.#text += `${name}\0`;
    return offset;
  }

  bytes(): Uint8Array {
    return new TextEncoder().encode(this.#text);
  }
}
