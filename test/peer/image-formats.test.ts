import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from '#test/support/fast-check.ts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeIntelHex } from '#main/image/ihex.ts';
import type { Segment } from '#main/image/image.ts';
import { openImage } from '#main/image/open-image.ts';
import { requirePrograms } from '#test/support/programs.ts';

/** Our readers and our writer against programs that others wrote. */

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'flashline-image-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function run(program: string, args: readonly string[]): string {
  return execFileSync(program, args, { cwd: folder, encoding: 'utf8', timeout: 30_000 });
}

function write(name: string, bytes: Uint8Array | string): void {
  writeFileSync(join(folder, name), bytes);
}

function read(name: string) {
  return openImage(name, new Uint8Array(readFileSync(join(folder, name))));
}

/** Random bytes at random places, across 64 KiB borders and up to the top of memory; never touching. */
const segments: fc.Arbitrary<Segment[]> = fc
  .array(
    fc.tuple(
      fc.oneof(fc.constantFrom(0, 0xfff0, 0x2fffa, 0x1000_1080, 0xffff_ff00), fc.nat(0xffff_ff00)),
      fc.uint8Array({ minLength: 1, maxLength: 200 }),
    ),
    { minLength: 1, maxLength: 5 },
  )
  .map((placed) => {
    const kept: Segment[] = [];
    let free = 0;
    for (const [address, data] of placed.toSorted(([a], [b]) => a - b)) {
      if (address < free) continue;
      kept.push({ address, data });
      free = address + data.length + 1;
    }
    return kept;
  });

const RUNS = { numRuns: 15 };

describe.skipIf(!requirePrograms(['srec_cat']))('SRecord', () => {
  test.each([
    ['by segments', 'i16.hex', ['-Intel', '-address-length=3'], 0xf_ffff],
    ['by linear addresses', 'i32.hex', ['-Intel', '-address-length=4'], 0xffff_ffff],
    ['in 16-bit S-records', 'a.s19', ['-Motorola', '-address-length=2'], 0xffff],
    ['in 24-bit S-records', 'a.s28', ['-Motorola', '-address-length=3'], 0xff_ffff],
    ['in 32-bit S-records', 'a.s37', ['-Motorola', '-address-length=4'], 0xffff_ffff],
  ] as const)('what it writes %s we read', (_what, name, format, top) => {
    fc.assert(
      fc.property(segments, (wanted) => {
        const inside = wanted.filter(({ address, data }) => address + data.length - 1 <= top);
        fc.pre(inside.length > 0);
        const parts = inside.flatMap(({ address, data }, index) => {
          write(`part${index}.bin`, data);
          return [`part${index}.bin`, '-Binary', '-offset', String(address)];
        });
        run('srec_cat', [...parts, '-o', name, ...format]);
        expect(read(name).segments).toEqual(inside);
      }),
      RUNS,
    );
  });

  test('it reads what we write', () => {
    fc.assert(
      fc.property(segments, (wanted) => {
        write('ours.hex', writeIntelHex(wanted));
        run('srec_cat', ['ours.hex', '-Intel', '-o', 'back.s37', '-Motorola', '-address-length=4']);
        expect(read('back.s37').segments).toEqual(wanted);
      }),
      RUNS,
    );
  });
});

/** Debian's own interpreter: another python3 on the PATH would not have Debian's modules. */
const PYTHON = '/usr/bin/python3';

/** Prints what IntelHex found: segments with their bytes, and the start address. */
const DUMP = `
import json, sys
from intelhex import IntelHex
image = IntelHex(sys.argv[1])
print(json.dumps({
    'segments': [[a, bytes(image.tobinarray(start=a, end=b - 1)).hex()] for a, b in image.segments()],
    'start': image.start_addr,
}))
`;
const MAKE = `
import json, sys
from intelhex import IntelHex
image = IntelHex()
for address, data in json.loads(sys.argv[2]):
    image.frombytes(bytes.fromhex(data), address)
image.start_addr = json.loads(sys.argv[3])
image.write_hex_file(sys.argv[1])
`;

function asHex(wanted: readonly Segment[]) {
  return wanted.map(({ address, data }) => [address, Buffer.from(data).toString('hex')]);
}

describe.skipIf(!requirePrograms(['python3-intelhex']))('python3-intelhex', () => {
  test('it reads what we write, and finds the entry', () => {
    fc.assert(
      fc.property(segments, fc.nat(0xffffffff), (wanted, entry) => {
        write('ours.hex', writeIntelHex(wanted, entry));
        const found: unknown = JSON.parse(run(PYTHON, ['-c', DUMP, 'ours.hex']));
        expect(found).toEqual({ segments: asHex(wanted), start: { EIP: entry } });
      }),
      RUNS,
    );
  });

  test.each([
    ['a linear start', { EIP: 0x0800_0101 }, 0x0800_0101],
    ['a segmented start', { CS: 0x1234, IP: 0x5678 }, 0x12340 + 0x5678],
  ])('we read what it writes, with %s', (_what, start, entry) => {
    fc.assert(
      fc.property(segments, (wanted) => {
        run(PYTHON, ['-c', MAKE, 'theirs.hex', JSON.stringify(asHex(wanted)), JSON.stringify(start)]);
        expect(read('theirs.hex')).toEqual({ format: 'ihex', segments: wanted, entry });
      }),
      RUNS,
    );
  });
});
