import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { cliHere } from '#test/support/cli-here.ts';
import { NVS_SAMPLES } from '#test/unit/image/nvs/samples.ts';
import { PARTITION_SAMPLES } from '#test/unit/image/partition-samples.ts';

const home = mkdtempSync(join(tmpdir(), 'flashline-esp-files-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));
const path = (name: string) => join(home, name);
const flashline = (...args: string[]) => cliHere(args, { home });

describe('flashline nvs', () => {
  it('makes a partition of a CSV and the files beside it, and shows what is in it', async () => {
    const sample = NVS_SAMPLES[1];
    writeFileSync(path('in.csv'), sample?.csv ?? '');
    for (const [name, content] of Object.entries(sample?.files ?? {})) writeFileSync(path(name), content);
    const made = await flashline('nvs', 'build', path('in.csv'), '--size', '12k', '--out', path('out.bin'), '--json');
    expect(made.code).toBe(0);
    expect(JSON.parse(made.lines[0] ?? '')).toMatchObject({ type: 'nvs.built', size: 0x3000, sha256: sample?.sha256 });
    const shown = await flashline('nvs', 'show', path('out.bin'));
    expect(shown.stdout).toContain('limits/i64');
    expect(shown.stdout).toContain('-9223372036854775808');
    const inspected = await flashline('inspect', path('out.bin'), '--json');
    const { nvs } = JSON.parse(inspected.lines[0] ?? '');
    expect(nvs).toMatchObject({ problems: [], pages: [{ version: 2, state: 'active' }] });
    expect(nvs.entries[6]).toEqual({ namespace: 'limits', key: 'u64', type: 'u64', value: '18446744073709551615' });
  });

  it('says which line of the CSV is wrong, and writes nothing', async () => {
    writeFileSync(path('bad.csv'), 'key,type,encoding,value\nn,namespace,,\nk,data,u8,300\nl,file,binary,none.bin\n');
    const missing = await flashline('nvs', 'build', path('bad.csv'), '--size', '4096', '--out', path('none'), '--json');
    expect(missing.code).toBe(2);
    expect(JSON.parse(missing.lines[0] ?? '')).toMatchObject({
      code: 'file-missing',
      where: { file: path('none.bin') },
    });
    writeFileSync(path('bad.csv'), 'key,type,encoding,value\nn,namespace,,\nk,data,u8,300\n');
    const large = await flashline('nvs', 'build', path('bad.csv'), '--size', '4096', '--out', path('none'), '--json');
    expect(JSON.parse(large.lines[0] ?? '')).toMatchObject({ code: 'nvs-invalid', where: { path: 'n/k' } });
    expect(() => readFileSync(path('none'))).toThrow('ENOENT');
  });
});

describe('flashline partitions', () => {
  it('makes a table of a CSV, and shows it as CSV again', async () => {
    const [sample] = PARTITION_SAMPLES;
    writeFileSync(path('parts.csv'), sample?.csv ?? '');
    const made = await flashline('partitions', 'build', path('parts.csv'), '--out', path('parts.bin'), '--json');
    expect(JSON.parse(made.lines[0] ?? '')).toMatchObject({ partitions: 3, sha256: sample?.sha256 });
    const shown = await flashline('partitions', 'show', path('parts.bin'), '--csv');
    expect(shown.lines.slice(1)).toEqual([
      'nvs,data,nvs,0x9000,0x6000,',
      'phy_init,data,phy,0xf000,0x1000,',
      'app,app,factory,0x10000,0x100000,',
    ]);
    const inspected = await flashline('inspect', path('parts.bin'));
    expect(inspected.stdout).toContain('partition table: 3 partitions, MD5 right');
  });

  it('cannot be written to a folder that is not there', async () => {
    const end = await flashline('partitions', 'build', path('parts.csv'), '--out', path('no/parts.bin'), '--json');
    expect(end.code).toBe(2);
    expect(JSON.parse(end.lines[0] ?? '')).toMatchObject({ code: 'file-unwritable' });
  });
});
