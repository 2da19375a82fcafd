import { readFileSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readU32 } from '#shared/base/bytes.ts';
import { RunEvent } from '#shared/model/run-event.ts';
import { usbTouch } from '#main/bench/uf2/usb-touch.ts';
import { usbUf2 } from '#main/bench/uf2/usb-uf2.ts';
import { Uf2Bench } from '#main/bench/uf2/uf2-bench.ts';
import { serveUsbip, type UsbipServer } from '#main/bench/usbip/server.ts';
import { readUf2, writeUf2 } from '#main/image/uf2.ts';
import type { GuestEnd } from '#test/support/usb-guest/guest-process.ts';
import type { Guest, User } from '#test/support/usb-guest/guest.ts';
import { installRules } from '#test/support/usb-guest/rules.ts';
import { application } from '#test/bench/releases.ts';

const CHIP = 'atsamd21g18a';
const FAMILY = 0x68ed2b88;
const APP = 0x2000;
/** What each of the writers writes. */
const IMAGES = { linux: bytesOf(3), uf2: bytesOf(4), hf2: bytesOf(5) } as const;
type Writer = keyof typeof IMAGES;
const DRIVE = '/tmp/drive';

function bytesOf(seed: number): Uint8Array {
  return application(6 * 1024, seed, APP).image.segments[0]?.data ?? new Uint8Array();
}

export function uf2OnUsb(guestOf: () => Guest): void {
  describe('a UF2 boot loader on real USB', () => {
    let guest: Guest;
    let server: UsbipServer;
    let bench: Uf2Bench;
    let left: () => void = () => undefined;

    beforeAll(async () => {
      bench = new Uf2Bench({ startAt: 0, seed: 77 });
      const later = (ms: number, work: () => void) => void setTimeout(work, ms);
      const [loader, touched] = ['A', 'B'].map((unit) =>
        usbUf2({ bench, chip: CHIP, unit, later, realMs: () => performance.now() }),
      );
      if (!loader || !touched) throw new TypeError('no units');
      const devices = [loader, usbTouch({ serial: 'B', loader: touched, later })];
      server = await serveUsbip({ port: 0, devices, detached: () => left() });
      guest = guestOf();
      await installRules(guest);
      for (const [name, data] of Object.entries(IMAGES)) {
        writeFileSync(join(guest.out, `${name}.uf2`), writeUf2([{ address: APP, data }], { family: FAMILY }));
        await mkdir(join(guest.out, name));
        writeFileSync(join(guest.out, name, 'app.uf2'), writeUf2([{ address: APP, data }], { family: FAMILY }));
        writeFileSync(join(guest.out, name, 'recipe.yaml'), recipe(name === 'hf2' ? 'hf2' : 'uf2'));
      }
    });

    afterAll(async () => {
      await guest.unplugAll();
      await server.close();
    });

    /** Plugged in, and reset twice. */
    const plugIn = (index = 0) => guest.plugIn({ port: server.port, busid: `1-${index + 1}` }, index);

    const unplugged = () => new Promise<void>((resolve) => (left = resolve));

    async function shell(script: string): Promise<string> {
      const { code, stdout, stderr } = await guest.run(['sh', '-ec', script]);
      if (code !== 0) throw new Error(`${script}: ${stderr}${guest.console().slice(-2000)}`);
      return stdout;
    }

    /** Linux's own driver for the drive, and its own file system. */
    const mount = () =>
      shell(`mkdir -p ${DRIVE}
        for wait in $(seq 100); do disk=$(ls /sys/bus/usb/devices/1-1/1-1:1.0/host*/target*/*/block 2>/dev/null) && break; sleep 0.1; done
        for wait in $(seq 50); do mount -t vfat /dev/$disk ${DRIVE} 2>/dev/null && exit 0; sleep 0.1; done
        mount -t vfat /dev/$disk ${DRIVE}`);

    function cli(args: readonly string[], as: User = 'root'): Promise<GuestEnd> {
      return guest.flashline(args, { as, env: { FLASHLINE_HOME: `/tmp/home-uf2-${as}` } });
    }

    const flash = (writer: Writer, probe: string, serial: string) =>
      cli(['flash', '--release', `/out/${writer}`, '--serial', serial, '--probe', probe, '--rework', '--json']);

    function held(unit = 'A'): Uint8Array {
      const { chip } = bench.boardFor(CHIP, unit);
      const data = new Uint8Array(IMAGES.linux.length);
      const view = new DataView(data.buffer);
      for (let at = 0; at < data.length; at += 4) view.setUint32(at, chip.peek(APP + at) ?? 0, true);
      return data;
    }

    it('is flashed by cp on Linux', async () => {
      await plugIn();
      await mount();
      expect(await shell(`cat ${DRIVE}/INFO_UF2.TXT`)).toContain('Board-ID: SAMD21G18A-Bench-v0');
      const gone = unplugged();
      // The unit leaves as soon as it has all of it.
      await shell(`/bin/busybox cp /out/linux.uf2 ${DRIVE}/; sync -f ${DRIVE} || true; umount -l ${DRIVE}`);
      await gone;
      expect(held()).toEqual(IMAGES.linux);
    });

    it('is read by Flashline over HF2 as Linux wrote it, and told by its hardware id', async () => {
      await plugIn();
      const size = String(IMAGES.linux.length);
      const read = await cli([
        'read',
        '--chip',
        CHIP,
        '--probe',
        'hf2:1-1',
        '--address',
        `${APP}`,
        '--size',
        size,
        '--out',
        '/out/hf2.bin',
      ]);
      expect(read).toMatchObject({ code: 0 });
      expect(new Uint8Array(readFileSync(join(guest.out, 'hf2.bin')))).toEqual(IMAGES.linux);
      const identified = await cli(['identify', '--chip', CHIP, '--probe', 'hf2:1-1', '--json'], 'member');
      expect(JSON.parse(identified.stdout)).toMatchObject({ uid: expect.stringMatching(/^[0-9a-f]{32}$/u) as string });
    });

    it('tells a user who may not mount that nobody has', async () => {
      const listed = (await cli(['probes', '--json'], 'nobody')).stdout
        .split('\n')
        .filter((line) => /(uf2|hf2):/u.test(line));
      expect(listed.map((line) => JSON.parse(line) as object)).toMatchObject([
        { url: 'uf2:1-1', problem: 'drive-unmounted' },
        { url: 'hf2:1-1', problem: 'probe-permission' },
      ]);
      const end = await cli(['identify', '--chip', CHIP, '--probe', 'uf2:1-1', '--json'], 'nobody');
      expect(end.stdout).toContain('drive-unmounted');
      expect(end.code).toBe(3);
    });

    it('is flashed by Flashline through a drive that it mounts itself', async () => {
      const end = await flash('uf2', 'uf2:1-1', 'UB000001');
      expect(lastEvent(end)).toMatchObject({ verdict: 'PASS' });
      expect(held()).toEqual(IMAGES.uf2);
    });

    it('shows Linux what Flashline wrote, and is flashed where Linux has mounted it', async () => {
      await plugIn();
      await mount();
      await shell(`/bin/busybox cp ${DRIVE}/CURRENT.UF2 /out/current.uf2`);
      const [whole] = readUf2('current.uf2', new Uint8Array(readFileSync(join(guest.out, 'current.uf2')))).segments;
      expect(whole?.data.slice(APP, APP + IMAGES.uf2.length)).toEqual(IMAGES.uf2);
      // What Linux has read of it is in its cache now: the read-back has to go past that.
      const end = await flash('linux', `uf2:${DRIVE}`, 'UB000002');
      expect(lastEvent(end)).toMatchObject({ verdict: 'PASS' });
      expect(held()).toEqual(IMAGES.linux);
      await shell(`umount -l ${DRIVE}`);
    });

    it('is asked for its boot loader by its firmware’s serial port', async () => {
      await plugIn(1);
      await shell('for wait in $(seq 100); do test -c /dev/ttyACM0 && exit 0; sleep 0.1; done; exit 1');
      const gone = unplugged();
      const flashing = flash('uf2', 'uf2:1-2', 'UB000004');
      // Opened at 1200 baud and closed, it resets; as a cable would have it, its boot loader is at the same port.
      await gone;
      await plugIn(1);
      expect(lastEvent(await flashing)).toMatchObject({ verdict: 'PASS', record: { probe: 'uf2:1-2' } });
      expect(held('B')).toEqual(IMAGES.uf2);
    });

    it('is flashed by Flashline over HF2, and shows that to Linux', async () => {
      await plugIn();
      const end = await flash('hf2', 'hf2:1-1', 'UB000003');
      expect(lastEvent(end)).toMatchObject({
        verdict: 'PASS',
        record: { probe: 'hf2:1-1', uid: expect.any(String) as string },
      });
      expect(held()).toEqual(IMAGES.hf2);
      await plugIn();
      await mount();
      const blocks = await shell(
        `/bin/busybox dd if=${DRIVE}/CURRENT.UF2 bs=512 skip=32 count=1 2>/dev/null | od -An -tx4 -N48 -v`,
      );
      const words = blocks
        .trim()
        .split(/\s+/u)
        .map((word) => Number.parseInt(word, 16));
      expect(words.slice(3, 4)).toEqual([APP]);
      expect(words.slice(8)).toEqual([0, 4, 8, 12].map((at) => readU32(IMAGES.hf2, at)));
      await shell(`umount ${DRIVE}`);
    });
  });
}

function recipe(via: string): string {
  return `schema: 1
product: { id: uf2-board, revision: A, name: Board with a UF2 boot loader }
chip: ${CHIP}
interface: ${via}
images:
  - { role: application, file: app.uf2, version: 1.0.0 }
serial: { pattern: '^UB[0-9]{6}$' }
`;
}

function lastEvent({ stdout }: GuestEnd): RunEvent {
  const lines = stdout.split('\n').filter(Boolean);
  return RunEvent.parse(JSON.parse(lines.at(-1) ?? ''));
}
