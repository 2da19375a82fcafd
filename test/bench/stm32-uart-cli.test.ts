import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CliEnd, runCli } from '#test/support/cli.ts';
import { application } from './releases.ts';

const SIZE = 1500;
const FLASH = 0x0800_0000;

/** As an operator's station runs it: release, journal, record. */
describe('an STM32 by its boot loader, from the command line', () => {
  let home: string;
  beforeAll(() => {
    home = mkdtempSync(join(tmpdir(), 'flashline-stm32-'));
    writeFileSync(join(home, 'app.bin'), application(SIZE, 5, FLASH).image.segments[0]?.data ?? new Uint8Array());
    writeFileSync(
      join(home, 'recipe.yaml'),
      `schema: 1
product: { id: hello-uart, revision: A, name: Hello }
chip: stm32f407vg
interface: uart
images: [{ role: application, file: app.bin, version: 1.0.0, address: ${FLASH} }]
serial: { pattern: '^HB[0-9]{6}$' }
`,
    );
  });
  afterAll(() => rmSync(home, { recursive: true, force: true }));

  const flash = (serial: string, probe: string) =>
    runCli(['flash', '--release', home, '--serial', serial, '--probe', probe, '--json'], { home });
  const last = ({ lines }: CliEnd): unknown => JSON.parse(lines.at(-1) ?? '{}');

  it('passes, with a record of what was read back', async () => {
    const end = await flash('HB000001', 'bench:stm32f407vg');
    expect(end.code).toBe(0);
    expect(last(end)).toMatchObject({
      type: 'run.finished',
      verdict: 'PASS',
      record: { uid: expect.stringMatching(/^[0-9a-f]{24}$/u), bytesWritten: SIZE },
    });
  }, 120_000);

  it('ends with 3 and the fixture’s blame where nothing answers', async () => {
    const end = await flash('HB000002', 'bench:stm32f407vg?entry=rts-boot-dtr-reset');
    expect(end.code).toBe(3);
    expect(last(end)).toMatchObject({ verdict: 'ERROR', code: 'no-target', blame: 'fixture' });
  }, 120_000);

  it('identifies and reads, and says in which ways a port can be used', async () => {
    const identity = await runCli(['identify', '--probe', 'bench:stm32g071rb', '--interface', 'uart', '--json'], {
      home,
    });
    expect(last(identity)).toMatchObject({ type: 'identity', chip: 'stm32g071rb' });
    const out = join(home, 'out.bin');
    const place = ['--address', String(FLASH), '--size', '300', '--out', out];
    const read = await runCli(['read', '--probe', 'bench:stm32g071rb', '--interface', 'uart', ...place], { home });
    expect(read.code).toBe(0);
    expect(readFileSync(out)).toEqual(Buffer.alloc(300, 0xff));
    const { lines } = await runCli(['probes', '--json'], { home });
    const probes = lines.map((line): { url: string; can: string[] } => JSON.parse(line));
    expect(probes.find(({ url }) => url === 'bench:stm32f407vg')?.can).toContain('uart');
    const serials = probes.filter(({ url }) => url.startsWith('gdb:serial:')).map(({ url }) => url.slice(11));
    expect(probes.filter(({ can }) => can[0] === 'uart').map(({ url }) => url.slice(5))).toEqual(serials);
  }, 120_000);
});
