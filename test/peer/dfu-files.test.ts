import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeDfu, writeDfuSe } from '#main/image/dfu-file.ts';
import { openImage } from '#main/image/open-image.ts';
import { requirePrograms } from '#test/support/programs.ts';
import { noise } from '../bench/releases.ts';

const DEVICE = { vendorId: 0x0483, productId: 0xdf11, release: 0x1234 };

describe.skipIf(!requirePrograms(['dfu-util']))('files of dfu-util’s programs', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'flashline-dfu-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const run = (program: string, ...args: string[]) =>
    execFileSync(program, args, { cwd: folder, encoding: 'utf8', timeout: 30_000, stdio: ['ignore', 'pipe', 'pipe'] });
  const write = (name: string, bytes: Uint8Array) => writeFileSync(join(folder, name), bytes);
  const read = (name: string) => new Uint8Array(readFileSync(join(folder, name)));

  it('dfuse-pack makes what we read, and takes apart what we write', () => {
    const segments = [
      { address: 0x0800_0000, data: noise(3000, 1) },
      { address: 0x0802_0000, data: noise(70, 2) },
    ];
    for (const [index, { data }] of segments.entries()) write(`${index}.bin`, data);
    run('dfuse-pack', '-b', '0x08000000:0.bin', '-b', '0x08020000:1.bin', '-D', '0x0483:0xdf11', 'theirs.dfu');
    const image = openImage('theirs.dfu', read('theirs.dfu'));
    expect(image).toMatchObject({ format: 'dfuse', segments, device: { vendorId: 0x0483, productId: 0xdf11 } });

    write('ours.dfu', writeDfuSe(segments, DEVICE, 'Flashline'));
    const dump = run('dfuse-pack', '-d', 'ours.dfu');
    expect(dump).toContain('DfuSe');
    expect(dump).not.toContain('CRC ERROR');
    for (const [index, { data }] of segments.entries())
      expect(read(`ours.dfu.target0.image${index}.bin`)).toEqual(data);
  });

  it('dfu-suffix adds what we read, and checks what we write', () => {
    const data = noise(1000, 3);
    write('a.bin', data);
    run('dfu-suffix', '-v', '0483', '-p', 'df11', '-d', '1234', '-a', 'a.bin');
    expect(openImage('a.dfu', read('a.bin'), { address: 0x200 })).toEqual({
      format: 'dfu',
      segments: [{ address: 0x200, data }],
      device: DEVICE,
    });
    write('b.dfu', writeDfu(data, DEVICE));
    expect(read('b.dfu')).toEqual(read('a.bin'));
    expect(run('dfu-suffix', '-c', 'b.dfu')).toMatch(/Vendor ID:\s+0x0483/u);
  });

  it('dfu-prefix looks into what we write', () => {
    write('c.dfu', writeDfuSe([{ address: 0x0800_0000, data: noise(50, 4) }], DEVICE, 'Flashline'));
    // Of its own kinds of prefix ours is none; the suffix is whole.
    const said = run('dfu-prefix', '-c', 'c.dfu');
    expect(said).toMatch(/contains a DFU suffix[^]*BCD DFU:\s+0x011A/u);
    expect(said).not.toMatch(/fail|mismatch|invalid/iu);
  });
});
