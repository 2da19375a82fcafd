import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeU32 } from '#shared/base/bytes.ts';
import { RunEvent } from '#shared/model/run-event.ts';
import { DfuBench } from '#main/bench/dfu/dfu-bench.ts';
import type { DfuUnit } from '#main/bench/dfu/dfu-unit.ts';
import { PlainDfuUnit } from '#main/bench/dfu/plain-unit.ts';
import { usbipDfu } from '#main/bench/dfu/usbip-dfu.ts';
import { Prng } from '#main/bench/prng.ts';
import { serveUsbip, type UsbipServer } from '#main/bench/usbip/server.ts';
import { writeDfuSe } from '#main/image/dfu-file.ts';
import type { GuestEnd } from '#test/support/usb-guest/guest-process.ts';
import type { Guest } from '#test/support/usb-guest/guest.ts';

const START = 0x0800_0000;
const CHIP = 'stm32f407vg';

/** Noise with a vector table that a Cortex-M would start. */
function firmware(size: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(size);
  new Prng(seed).scramble(bytes);
  writeU32(bytes, 0, 0x2000_8000);
  writeU32(bytes, 4, START + 0x101);
  return bytes;
}

const OURS = firmware(5000, 1);
const THEIRS = firmware(7000, 2);
/** The n-th is plugged into hub port n: its physical path is 1-(n+1). */
const [LEFT, RIGHT, PLAIN] = [0, 1, 2];

export function dfuOnUsb(guestOf: () => Guest): void {
  describe('DFU on real USB', () => {
    let guest: Guest;
    let server: UsbipServer;
    let bench: DfuBench;
    let plain: PlainDfuUnit;
    let twins: readonly DfuUnit[];

    beforeAll(async () => {
      bench = new DfuBench({ startAt: 0, seed: 5 });
      twins = ['LEFT', 'RIGHT'].map((unit) => bench.unitFor(CHIP, unit, { serial: 'TWIN' }));
      plain = new PlainDfuUnit({ startAt: 0, serial: 'A1B2', slots: [0x4000, 0x2000] });
      const realMs = () => performance.now();
      const devices = [...twins, plain].map((unit) => usbipDfu({ unit, realMs }));
      // What leaves the bus comes back at the same port, as a cable would have it.
      const detached = (busid: string) => void back(busid);
      server = await serveUsbip({ port: 0, devices, detached });
      guest = guestOf();
      release('stm32', CHIP, [['application', START, OURS]]);
      release('plain', 'demo-dfu', [['application', 0, OURS]]);
      await Promise.all([LEFT, RIGHT, PLAIN].map(plugIn));
    });

    afterAll(async () => {
      stopped = true;
      await guest.unplugAll();
      await server.close();
    });

    let stopped = false;
    let returning: Promise<void> = Promise.resolve();
    const plugIn = (index: number) => guest.plugIn({ port: server.port, busid: `1-${index + 1}` }, index);
    async function back(busid: string): Promise<void> {
      if (stopped) return;
      returning = plugIn(Number(busid.slice(2)) - 1);
      await returning.catch(() => undefined);
    }

    function release(name: string, chip: string, images: readonly [string, number, Uint8Array][]): void {
      const folder = join(guest.out, name);
      mkdirSync(folder);
      const rows = images.map(([role, address, data]) => {
        writeFileSync(join(folder, `${role}.bin`), data);
        return `  - { role: ${role}, file: ${role}.bin, address: ${address}, version: 1.0.0 }`;
      });
      const head = `schema: 1\nproduct: { id: ${name}, revision: A, name: Guest board }\nchip: ${chip}\ninterface: dfu\nimages:\n`;
      writeFileSync(join(folder, 'recipe.yaml'), `${head}${rows.join('\n')}\nserial: { pattern: '^HB[0-9]{6}$' }\n`);
    }

    const cli = (args: readonly string[]): Promise<GuestEnd> =>
      guest.flashline(args, { env: { FLASHLINE_HOME: '/tmp/home-dfu' } });
    const dfuUtil = (args: readonly string[]): Promise<GuestEnd> => guest.run(['dfu-util', ...args]);
    const flash = (name: string, probe: string, serial: string, ...more: readonly string[]) =>
      cli(['flash', '--release', `/out/${name}`, '--serial', serial, '--probe', probe, '--json', ...more]);

    function held(index: number, size: number): Uint8Array {
      const { chip, clock } = bench.boards.boardFor(CHIP, index === LEFT ? 'LEFT' : 'RIGHT');
      // The last word is in the cells once its time has passed.
      chip.flashIdleAt(clock.elapsedNs + 1_000_000);
      return Uint8Array.from({ length: size }, (_, at) => (chip.peek((START + at) & ~3) ?? 0) >>> (8 * (at & 3)));
    }

    it('is listed by dfu-util and by Flashline, twins by their ports', async () => {
      const theirs = await dfuUtil(['--list']);
      expect(theirs.stdout).toContain('@Internal Flash  /0x08000000/04*016Kg,01*064Kg,07*128Kg');
      expect(theirs.stdout.match(/Found DFU: \[0483:df11\].*alt=0/gu)).toHaveLength(2);
      expect(theirs.stdout).toContain('path="1-3", alt=1, name="image 1", serial="A1B2"');
      const ours = jsonLines((await cli(['probes', '--json'])).stdout).filter(({ url }) =>
        String(url).startsWith('dfu:'),
      );
      expect(ours.map(({ url, serial, problem }) => [url, serial, problem])).toEqual([
        ['dfu:1-1', 'TWIN', null],
        ['dfu:1-2', 'TWIN', null],
        ['dfu:1-3', 'A1B2', null],
      ]);
      const either = await cli(['identify', '--chip', CHIP, '--probe', 'dfu:TWIN', '--json']);
      expect(either.code).toBe(3);
      expect(either.stdout).toContain('probe-ambiguous');
      expect(either.stdout).toContain('dfu:1-2');
    });

    it('what dfu-util writes by DfuSe Flashline reads, at the port that was meant', async () => {
      const device = { vendorId: 0x0483, productId: 0xdf11, release: 0xffff };
      writeFileSync(join(guest.out, 'theirs.dfu'), writeDfuSe([{ address: START, data: THEIRS }], device, 'ST...'));
      const end = await dfuUtil(['-p', '1-2', '-a', '0', '-D', '/out/theirs.dfu']);
      expect(end.stdout + end.stderr).toContain('Done parsing DfuSe file');
      expect(held(RIGHT, THEIRS.length)).toEqual(THEIRS);
      expect(held(LEFT, 4)).toEqual(new Uint8Array(4).fill(0xff));
      const read = ['--address', String(START), '--size', String(THEIRS.length), '--out', '/out/read.bin'];
      expect(await cli(['read', '--chip', CHIP, '--probe', 'dfu:1-2', ...read])).toMatchObject({ code: 0 });
      expect(new Uint8Array(readFileSync(join(guest.out, 'read.bin')))).toEqual(THEIRS);
    });

    it('what Flashline writes dfu-util reads, and the firmware was started', async () => {
      const end = await flash('stm32', 'dfu:1-1', 'HB000001');
      expect(lastEvent(end)).toMatchObject({
        verdict: 'PASS',
        record: { reach: { firmware: '22.00, DFU 1.1a', serial: 'TWIN' } },
      });
      expect(held(LEFT, OURS.length)).toEqual(OURS);
      await returning;
      const read = ['-s', `${START}:${OURS.length}`, '-U', '/out/up.bin'];
      const up = await dfuUtil(['-p', '1-1', '-a', '0', ...read]);
      expect(up.stdout + up.stderr).toContain('Upload done');
      expect(new Uint8Array(readFileSync(join(guest.out, 'up.bin')))).toEqual(OURS);
    });

    it('dfu-util leaves for the firmware that it wrote', async () => {
      writeFileSync(join(guest.out, 'theirs.bin'), THEIRS);
      const end = await dfuUtil(['-p', '1-1', '-a', '0', '-s', `${START}:leave`, '-D', '/out/theirs.bin']);
      expect(end.stdout + end.stderr).toContain('Transitioning to dfuMANIFEST state');
      await returning;
      expect(held(LEFT, THEIRS.length)).toEqual(THEIRS);
      expect(bench.boards.boardFor(CHIP, 'LEFT').report()).toMatchObject({ overwrittenWords: [], misuse: [] });
    });

    it('a plain boot loader takes and gives images by both', async () => {
      const files = firmware(3000, 3);
      writeFileSync(join(guest.out, 'files.bin'), files);
      const down = await dfuUtil(['-p', '1-3', '-a', '1', '-D', '/out/files.bin']);
      expect(down.stdout + down.stderr).toContain('Done!');
      expect(plain.slots[1]?.bytes.subarray(0, 3000)).toEqual(files);
      const end = await flash('plain', 'dfu:A1B2', 'HB000002');
      expect(lastEvent(end)).toMatchObject({ verdict: 'PASS', record: { uid: 'a1b2' } });
      expect(plain.slots[0]).toMatchObject({ imageBytes: OURS.length });
      await returning;
      expect(plain.runsFirmware).toBe(true);
    });

    it('a firmware with DFU at run time is left for its boot loader by both', async () => {
      const listed = await dfuUtil(['--list']);
      expect(listed.stdout).toContain('Found Runtime: [1209:0003]');
      const end = await flash('plain', 'dfu:1-3', 'HB000002', '--rework');
      expect(lastEvent(end)).toMatchObject({ verdict: 'PASS' });
      await returning;
      expect((await dfuUtil(['-p', '1-3', '-e'])).code).toBe(0);
      await returning;
      const up = await dfuUtil(['-p', '1-3', '-a', '0', '-U', '/out/app.bin']);
      expect(up.stdout + up.stderr).toContain('Upload done');
      expect(new Uint8Array(readFileSync(join(guest.out, 'app.bin'))).subarray(0, OURS.length)).toEqual(OURS);
    });
  });
}

function jsonLines(text = ''): Record<string, unknown>[] {
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

function lastEvent({ stdout }: GuestEnd): RunEvent {
  return RunEvent.parse(jsonLines(stdout).at(-1));
}
