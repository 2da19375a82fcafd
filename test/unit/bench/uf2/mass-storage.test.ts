import * as fc from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { concat, equalBytes } from '#shared/base/bytes.ts';
import { GhostFat, SECTOR, SECTORS } from '#main/bench/uf2/ghost-fat.ts';
import { Hf2Device } from '#main/bench/uf2/hf2-device.ts';
import { MassStorage } from '#main/bench/uf2/mass-storage.ts';
import { Uf2Bench } from '#main/bench/uf2/uf2-bench.ts';
import { readUf2 } from '#main/image/uf2.ts';

const CASES = process.env['FLASHLINE_NIGHTLY'] ? 100_000 : 2000;

function wrapper(opcode: number, length: number, direction: 'in' | 'out', sector = 0, sectors = 0): Uint8Array {
  const bytes = new Uint8Array(31);
  const view = new DataView(bytes.buffer);
  [0x43425355, 7, length].forEach((word, index) => view.setUint32(index * 4, word, true));
  bytes.set([direction === 'in' ? 0x80 : 0, 0, 10, opcode], 12);
  view.setUint32(17, sector);
  view.setUint16(22, sectors);
  return bytes;
}

function drained(storage: MassStorage): Uint8Array[] {
  const packets: Uint8Array[] = [];
  for (let packet = storage.read(); packet; packet = storage.read()) packets.push(packet);
  return packets;
}

function statusOf(packets: readonly Uint8Array[]): { readonly residue: number; readonly status: number } {
  const last = packets.at(-1) ?? new Uint8Array(13);
  return { residue: new DataView(last.buffer, last.byteOffset).getUint32(8, true), status: last[12] ?? 255 };
}

describe('a disk on Bulk-Only Transport', () => {
  const disk = () => {
    const written: [number, Uint8Array][] = [];
    const sectors = {
      read: (n: number) => new Uint8Array(SECTOR).fill(n),
      write: (n: number, b: Uint8Array) => void written.push([n, b]),
    };
    return { written, storage: new MassStorage(sectors, 64) };
  };

  it('gives what was asked for, and says how much less than there was room for', () => {
    const { storage } = disk();
    storage.write(wrapper(0x12, 96, 'in'));
    const packets = drained(storage);
    expect(packets[0]?.length).toBe(36);
    expect(statusOf(packets)).toEqual({ residue: 60, status: 0 });
    storage.write(wrapper(0x28, 2 * SECTOR, 'in', 5, 2));
    const read = drained(storage);
    expect(concat(read.slice(0, -1)).subarray(SECTOR - 1, SECTOR + 1)).toEqual(Uint8Array.of(5, 6));
  });

  it('writes sector by sector as they come', () => {
    const { storage, written } = disk();
    storage.write(wrapper(0x2a, 2 * SECTOR, 'out', 9, 2));
    for (let at = 0; at < 2 * SECTOR; at += 64) storage.write(new Uint8Array(64).fill(at / 64));
    expect(written.map(([sector]) => sector)).toEqual([9, 10]);
    expect(statusOf(drained(storage))).toEqual({ residue: 0, status: 0 });
  });

  it.each([
    ['beyond its end', wrapper(0x28, SECTOR, 'in', SECTORS, 1), 0x21],
    ['by a command that it has not', wrapper(0x35, 0, 'in'), 0x20],
  ])('refuses what is asked %s, and tells why when it is asked', (_, command, code) => {
    const { storage } = disk();
    storage.write(command);
    expect(statusOf(drained(storage)).status).toBe(1);
    storage.write(wrapper(0x03, 18, 'in'));
    const [sense] = drained(storage);
    expect([sense?.[2], sense?.[12]]).toEqual([5, code]);
  });

  it('outlives whatever is sent', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 64 }), { maxLength: 10 }),
        fc.nat(255),
        fc.nat(4096),
        (packets, opcode, length) => {
          const { storage } = disk();
          storage.write(wrapper(opcode, length, 'out', length));
          for (const packet of packets) storage.write(packet);
          storage.reset();
          drained(storage);
          storage.write(wrapper(0x00, 0, 'in'));
          expect(statusOf(drained(storage)).status).toBe(0);
        },
      ),
      { numRuns: CASES },
    );
  });
});

describe('the file system that a boot loader makes up', () => {
  it('has CURRENT.UF2 in a chain of clusters, a UF2 file of all of the flash', () => {
    const fat = new GhostFat(
      () => 'UF2 x',
      (address) => new Uint8Array(256).fill(address >>> 8),
    );
    const table = (cluster: number) => {
      const sector = fat.read(1 + Math.floor(cluster / 256));
      return new DataView(sector.buffer).getUint16((cluster % 256) * 2, true);
    };
    const sectors: Uint8Array[] = [];
    let cluster = 4;
    for (; cluster < 0xfff8; cluster = table(cluster)) sectors.push(fat.read(131 + cluster - 2));
    const [all] = readUf2('CURRENT.UF2', concat(sectors)).segments;
    expect(all?.data.length).toBe(0x40000);
    expect(
      equalBytes(
        all?.data.subarray(0x300, 0x500) ?? new Uint8Array(),
        concat([3, 4].map((n) => new Uint8Array(256).fill(n))),
      ),
    ).toBe(true);
    // Both tables agree.
    expect(fat.read(1)).toEqual(fat.read(1 + 63));
    expect(fat.read(SECTORS - 1)).toEqual(new Uint8Array(SECTOR));
  });
});

describe('a simulated boot loader that is told anything', () => {
  it('by HF2 neither throws nor writes its own part', () => {
    const bench = new Uf2Bench({ startAt: 0, seed: 1 });
    const { loader, board } = bench.plugIn('atsamd21g18a', 'A');
    const before = loader.readRow(0x100);
    fc.assert(
      fc.property(fc.nat(20), fc.nat(0x41000), fc.uint8Array({ maxLength: 55 }), (command, address, data) => {
        if (command === 9) return;
        const device = new Hf2Device(loader, board);
        const packet = new Uint8Array(64);
        packet.set([0x40 | (12 + data.length - 4 > 63 ? 63 : 12 + data.length), command, 0, 0, 0, 1, 0, 0, 0]);
        new DataView(packet.buffer).setUint32(9, address, true);
        packet.set(data.subarray(0, 51), 13);
        device.take(packet, board.clock.elapsedNs);
        device.take(packet.subarray(0, data.length), board.clock.elapsedNs);
      }),
      { numRuns: CASES / 4 },
    );
    expect(loader.readRow(0x100)).toEqual(before);
  });

  it('by sectors only counts those of its family', () => {
    const bench = new Uf2Bench({ startAt: 0, seed: 1 });
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 512, maxLength: 512 }), (sector) => {
        const { loader, board } = bench.plugIn('atsamd21g18a', 'B');
        loader.takeSector(sector, board.clock.elapsedNs);
        expect(loader.resetAt).toBe(Infinity);
      }),
      { numRuns: CASES / 20 },
    );
  });
});
