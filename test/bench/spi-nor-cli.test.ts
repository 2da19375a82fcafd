import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UnitRecord } from '#shared/model/unit-record.ts';
import { type CliEnd, runCli } from '#test/support/cli.ts';
import { writeNorRelease } from '#test/support/nor-release.ts';

const folder = mkdtempSync(join(tmpdir(), 'flashline-nor-cli-'));
const release = join(folder, 'release');
const opening = join(folder, 'opening');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const cli = (...args: readonly string[]) => runCli(args, { home: join(folder, 'home') });
const lastOf = (end: CliEnd): unknown => JSON.parse(end.lines.at(-1) ?? 'null');
const flash = (path: string, serial: string, probe: string) =>
  cli('flash', '--release', path, '--serial', serial, '--probe', probe, '--json');

describe('interface: spi, on the bench', () => {
  beforeAll(async () => {
    await writeNorRelease(release, { chip: 'w25q128jv' });
    await writeNorRelease(opening, { chip: 'w25q128jv', more: 'unlock: block-protection' });
  });

  it('passes with a record of every byte read back', async () => {
    const end = await flash(release, 'NB000001', 'bench:w25q128jv');
    expect(lastOf(end)).toMatchObject({ type: 'run.finished', verdict: 'PASS' });
    const records = (await cli('log', 'show', '--json')).lines.map((text) => UnitRecord.parse(JSON.parse(text)));
    expect(records).toMatchObject([{ verdict: 'PASS', chip: 'w25q128jv', reach: { protocol: 'spi' } }]);
    expect(records[0]?.uid).toMatch(/^[0-9a-f]{16}$/u);
    for (const { sha256 } of records[0]?.images ?? []) expect(sha256.readBack).toBe(sha256.expected);
  });

  it('refuses protected blocks, and opens them where the recipe says so', async () => {
    const probe = 'bench:w25q128jv?fault=protected';
    const refused = await flash(release, 'NB000002', probe);
    expect(refused.code).toBe(2);
    expect(lastOf(refused)).toMatchObject({ verdict: 'ERROR', code: 'blocks-protected', blame: 'recipe' });
    expect(lastOf(await flash(opening, 'NB000003', probe))).toMatchObject({ verdict: 'PASS' });
    const [record] = (await cli('log', 'show', '--serial', 'NB000003', '--json')).lines;
    const { unlocked, locks } = UnitRecord.parse(JSON.parse(record ?? ''));
    expect(unlocked).toEqual({ 'block protection': '0x001C' });
    expect(locks).toMatchObject({ 'block protection': 'none' });
  });

  it('reads a chip that is only known by what it says of itself', async () => {
    const out = join(folder, 'head.bin');
    const args = [
      '--chip',
      'spi-nor',
      '--probe',
      'bench:spi-nor',
      '--address',
      '0xff000',
      '--size',
      '4k',
      '--out',
      out,
    ];
    expect((await cli('read', ...args)).code).toBe(0);
    expect(readFileSync(out).every((byte) => byte === 0xff)).toBe(true);
    // Its end is at 1 MiB, whatever its description has room for.
    const beyond = await cli('read', ...args.with(5, '0xff800'), '--json');
    expect(beyond.code).toBe(2);
    expect(beyond.stdout + beyond.stderr).toContain('image-outside-memory');
  });
});
