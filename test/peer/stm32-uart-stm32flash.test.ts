import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sha256Hex } from '#shared/base/digest.ts';
import { type CliProcess, runCli, startCli } from '#test/support/cli.ts';
import { requirePrograms } from '#test/support/programs.ts';
import { noise } from '../bench/releases.ts';

const run = promisify(execFile);
const SIZE = 3001;
const FLASH = 0x0800_0000;
/** A terminal comes back when its user has gone; the process itself starts slowly on a busy machine. */
const START_MS = 120_000;
const LONG_MS = 180_000;

const CHIPS = [
  { chip: 'stm32f407vg', id: '0x0413', part: 'STM32F40xxx/41xxx', size: '1024KiB' },
  { chip: 'stm32g071rb', id: '0x0460', part: 'STM32G07xxx/08xxx', size: '128KiB' },
] as const;

/** Firmware that spins where its vectors lead. */
function firmware(seed: number): Uint8Array {
  const bytes = noise(SIZE, seed);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x2000_8000, true);
  view.setUint32(4, FLASH + 0x101, true);
  bytes.set([0xfe, 0xe7], 0x100);
  return bytes;
}

/** stm32flash and Flashline take turns at one simulated unit, on a pseudo terminal. */
describe.skipIf(!requirePrograms(['stm32flash', 'socat'])).each(CHIPS)(
  'stm32flash and Flashline at a $chip',
  ({ chip, id, part, size }) => {
    let folder: string;
    let terminal: string;
    let bench: CliProcess;
    let users = 0;

    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), 'flashline-uart-'));
      terminal = join(folder, 'port');
      const args = ['bench', 'serve', '--chip', chip, '--interface', 'uart', '--as', `pty:${terminal}`];
      bench = startCli([...args, '--haste', '1000', '--json'], { home: folder });
      await bench.waitFor('bench.serving');
    }, START_MS);
    afterAll(async () => {
      bench.child.kill();
      await bench.ended;
      rmSync(folder, { recursive: true, force: true });
    });

    /** The unit's power is cycled between two users. */
    async function nextUser(): Promise<void> {
      users++;
      await bench.waitFor(new RegExp(`(?:bench\\.free[^]*?){${users}}`, 'u'));
    }

    async function stm32flash(...args: string[]): Promise<{ ok: boolean; said: string }> {
      const done = await run('stm32flash', ['-m', '8n1', '-b', '115200', ...args, terminal]).then(
        ({ stdout, stderr }) => ({ ok: true, said: stdout + stderr }),
        (error: { stdout: string; stderr: string }) => ({ ok: false, said: error.stdout + error.stderr }),
      );
      await nextUser();
      return done;
    }

    async function flashline(...args: string[]) {
      const probe = `uart:${terminal}?parity=none&entry=none`;
      const end = await runCli([...args, '--probe', probe, '--json'], { home: folder });
      await nextUser();
      return end;
    }

    async function flash(bytes: Uint8Array, serial: string, unlock = '') {
      writeFileSync(join(folder, 'app.bin'), bytes);
      writeFileSync(
        join(folder, 'recipe.yaml'),
        `schema: 1
product: { id: hello-uart, revision: A, name: Hello }
chip: ${chip}
interface: uart
${unlock}
images: [{ role: application, file: app.bin, version: 1.0.0, address: ${FLASH} }]
serial: { pattern: '^HB[0-9]{6}$' }
`,
      );
      return flashline('flash', '--release', folder, '--serial', serial, '--rework');
    }

    async function readByStm32flash(): Promise<Uint8Array> {
      const file = join(folder, 'back.bin');
      rmSync(file, { force: true });
      const { ok, said } = await stm32flash('-r', file, '-S', `${FLASH}:${SIZE}`);
      expect(said).not.toMatch(/fail/iu);
      expect(ok).toBe(true);
      return new Uint8Array(readFileSync(file));
    }

    async function readByFlashline(): Promise<Uint8Array> {
      const file = join(folder, 'back.bin');
      rmSync(file, { force: true });
      const place = ['--address', String(FLASH), '--size', String(SIZE), '--out', file];
      const end = await flashline('read', '--chip', chip, ...place);
      expect(end.stderr + end.stdout).not.toContain('"failed"');
      return new Uint8Array(readFileSync(file));
    }

    it(
      'is the part that it should be, for both',
      async () => {
        const { said } = await stm32flash();
        expect(said).toContain(`Device ID    : ${id} (${part})`);
        expect(said).toContain(`Flash      : Up to ${size}`);
        expect(said).toContain('Version      : 0x31');
        const { lines } = await flashline('identify', '--chip', chip);
        expect(JSON.parse(lines[0] ?? '{}')).toMatchObject({
          type: 'identity',
          chip,
          uid: expect.stringMatching(/^[0-9a-f]{24}$/u),
        });
      },
      LONG_MS,
    );

    it(
      'holds for each what the other wrote',
      async () => {
        const [theirs, ours] = [firmware(1), firmware(2)];
        const file = join(folder, 'theirs.bin');
        writeFileSync(file, theirs);
        const written = await stm32flash('-w', file, '-v', '-S', String(FLASH));
        expect(written).toMatchObject({ ok: true, said: expect.stringContaining('Wrote and verified') });
        expect(sha256Hex(await readByFlashline())).toBe(sha256Hex(theirs));

        const end = await flash(ours, 'HB000001');
        expect(JSON.parse(end.lines.at(-1) ?? '{}')).toMatchObject({ type: 'run.finished', verdict: 'PASS' });
        expect(sha256Hex(await readByStm32flash())).toBe(sha256Hex(ours));
      },
      LONG_MS,
    );

    it(
      'is erased by stm32flash, and blank for us',
      async () => {
        expect(await stm32flash('-o')).toMatchObject({ ok: true });
        expect((await readByFlashline()).every((byte) => byte === 0xff)).toBe(true);
      },
      LONG_MS,
    );

    it(
      'is locked by stm32flash for both, and opened by our recipe only where it says so',
      async () => {
        expect(await stm32flash('-j')).toMatchObject({ ok: true });
        expect((await stm32flash('-r', join(folder, 'no.bin'))).ok).toBe(false);
        const refused = await flash(firmware(3), 'HB000002');
        expect(JSON.parse(refused.lines.at(-1) ?? '{}')).toMatchObject({ verdict: 'ERROR', code: 'chip-protected' });
        const opened = await flash(firmware(3), 'HB000003', 'unlock: mass-erase');
        expect(JSON.parse(opened.lines.at(-1) ?? '{}')).toMatchObject({
          verdict: 'PASS',
          record: { unlocked: { RDP: 'level 1 (READ is refused)' } },
        });
        expect(sha256Hex(await readByStm32flash())).toBe(sha256Hex(firmware(3)));
      },
      LONG_MS,
    );

    it(
      'is locked by our recipe for both, and takes from stm32flash the lifting of one protection after the other',
      async () => {
        const locks = 'locks: [{ step: readout-protection }, { step: write-protection, role: application }]';
        const locked = await flash(firmware(4), 'HB000004', locks);
        expect(JSON.parse(locked.lines.at(-1) ?? '{}')).toMatchObject({
          verdict: 'PASS',
          record: {
            locks: {
              RDP: 'level 1 (READ is refused)',
              'write protection': expect.stringMatching(/^0x08000000 to 0x0800(?:3|0)FFF$/u),
            },
          },
        });
        expect((await stm32flash('-r', join(folder, 'no.bin'))).ok).toBe(false);
        expect(await stm32flash('-k')).toMatchObject({ ok: true });
        // Everything was erased, and the pages still take nothing.
        const file = join(folder, 'theirs.bin');
        const write = ['-w', file, '-v', '-n', '0', '-S', String(FLASH)];
        expect((await stm32flash(...write)).said).not.toContain('Wrote and verified');
        expect(await stm32flash('-u')).toMatchObject({ ok: true });
        expect((await stm32flash(...write)).said).toContain('Wrote and verified');
        expect(await stm32flash('-g', String(FLASH))).toMatchObject({ ok: true });
      },
      LONG_MS,
    );
  },
);
