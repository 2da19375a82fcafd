import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readU32 } from '#shared/base/bytes.ts';
import { RunEvent } from '#shared/model/run-event.ts';
import { type Bench, createBench } from '#main/bench/bench.ts';
import type { Faults } from '#main/bench/faults.ts';
import { Prng } from '#main/bench/prng.ts';
import type { ProbeName } from '#main/bench/probe-profile.ts';
import { serveUsbip, type UsbipServer } from '#main/bench/usbip/server.ts';
import { usbProbe } from '#main/bench/usbip/usb-probe.ts';
import { startCli } from '#test/support/cli.ts';
import type { GuestEnd } from '#test/support/usb-guest/guest-process.ts';
import type { Guest, User } from '#test/support/usb-guest/guest.ts';
import { FLASHLINE_PROCESS } from '#test/support/usb-guest/flashline.ts';
import { installRules, getsRights, withoutRules } from '#test/support/usb-guest/rules.ts';
import { application, programByOpenOcd, writeRelease } from '#test/support/usb-guest/program.ts';

interface Outlet {
  readonly unit: string;
  readonly probe: ProbeName;
  readonly probeSerial: string;
  readonly faults?: Faults;
}

const CHIP = 'nrf52840';
const RELEASE = '/out/release';

/** The n-th is plugged into hub port n: its physical path is 1-(n+1). */
const OUTLETS: readonly Outlet[] = [
  { unit: 'LEFT', probe: 'high-speed', probeSerial: 'TWIN' },
  { unit: 'RIGHT', probe: 'high-speed', probeSerial: 'TWIN' },
  { unit: 'HID', probe: 'hid', probeSerial: 'V1' },
  { unit: 'FULL', probe: 'full-speed', probeSerial: 'FULL' },
  { unit: 'LOST', probe: 'high-speed', probeSerial: 'LOST', faults: [{ kind: 'unplug', after: 60 }] },
  { unit: 'OPENOCD', probe: 'high-speed', probeSerial: 'OPENOCD' },
];
const IMAGE = application(6 * 1024);
const [LEFT, RIGHT, HID, FULL, LOST, OPENOCD] = [0, 1, 2, 3, 4, 5];

export function probesOnUsb(guestOf: () => Guest): void {
  describe('Flashline on real USB', () => {
    let guest: Guest;
    let server: UsbipServer;
    let bench: Bench;

    beforeAll(async () => {
      bench = createBench({ startAt: 0, seed: 77 });
      const realMs = () => performance.now();
      const devices = OUTLETS.map((outlet) => usbProbe({ bench, chip: CHIP, realMs, ...outlet }));
      server = await serveUsbip({ port: 0, devices });
      guest = guestOf();
      writeRelease(guest, IMAGE);
      await withoutRules(guest);
      await Promise.all(OUTLETS.map((_, index) => plugIn(index)));
    });

    afterAll(async () => {
      await guest.unplugAll();
      await server.close();
    });

    const plugIn = (index: number) => guest.plugIn({ port: server.port, busid: `1-${index + 1}` }, index);
    const boardOf = (index: number) => bench.boardFor(CHIP, OUTLETS[index]?.unit ?? '');
    const chipOf = (index: number) => boardOf(index).chip;

    function cli(args: readonly string[], as: User = 'root'): Promise<GuestEnd> {
      return guest.flashline(args, { as, env: { FLASHLINE_HOME: `/tmp/home-probes-${as}` } });
    }

    function service(command: string, probe: string, ...more: string[]): Promise<GuestEnd> {
      return cli([command, '--chip', CHIP, '--probe', probe, ...more]);
    }

    it('lists probes by serial, and twins by their ports', async () => {
      const { stdout, code } = await cli(['probes', '--json']);
      expect(code).toBe(0);
      const probes = jsonLines(stdout).filter(({ url }) => String(url).startsWith('cmsis-dap:'));
      expect(probes.map(({ url, serial, port, problem }) => [url, serial, port, problem])).toEqual([
        ['cmsis-dap:@1-1', 'TWIN', '1-1', null],
        ['cmsis-dap:@1-2', 'TWIN', '1-2', null],
        ['cmsis-dap:V1', 'V1', '1-3', null],
        ['cmsis-dap:FULL', 'FULL', '1-4', null],
        ['cmsis-dap:LOST', 'LOST', '1-5', null],
        ['cmsis-dap:OPENOCD', 'OPENOCD', '1-6', null],
      ]);
    });

    it('tells twins apart by port path, and refuses to guess', async () => {
      const identify = (url: string) => service('identify', url, '--json');
      const twins = ['cmsis-dap:@1-1', 'cmsis-dap:@1-2'].map(identify);
      const [left, right, either] = await Promise.all([...twins, identify('cmsis-dap:TWIN')]);
      const uids = [left, right].map((end) => jsonLines(end?.stdout)[0]?.['uid']);
      for (const uid of uids) expect(uid).toMatch(/^[0-9a-f]{16}$/u);
      expect(uids[0]).not.toBe(uids[1]);
      expect(either?.code).toBe(3);
      expect(either?.stdout).toContain('probe-ambiguous');
      expect(either?.stdout).toContain('cmsis-dap:@1-2');
    });

    it('reads over bulk and HID, three units at once', async () => {
      const at = 0x3000;
      const ways: readonly [number, string][] = [
        [LEFT, 'cmsis-dap:@1-1'],
        [FULL, 'cmsis-dap:FULL'],
        [HID, 'cmsis-dap:V1'],
      ];
      await Promise.all(
        ways.map(async ([index, url]) => {
          const content = new Uint8Array(5000);
          new Prng(index + 1).scramble(content);
          for (let offset = 0; offset < content.length; offset += 4)
            chipOf(index).preload(at + offset, readU32(content, offset));
          const out = `read-${index}.bin`;
          const end = await service('read', url, '--address', `${at}`, '--size', '5000', '--out', `/out/${out}`);
          expect(end).toMatchObject({ code: 0 });
          expect(new Uint8Array(readFileSync(join(guest.out, out)))).toEqual(content);
        }),
      );
    });

    it.each([
      ['bulk', RIGHT, 'cmsis-dap:@1-2', 'HB000001'],
      ['HID', HID, 'cmsis-dap:V1', 'HB000002'],
    ])('flashes a release over %s: PASS, and the unit holds it', async (_, index, probe, serial) => {
      const end = await cli(['flash', '--release', RELEASE, '--serial', serial, '--probe', probe, '--json']);
      const last = lastEvent(end);
      expect(last).toMatchObject({ verdict: 'PASS', record: { probe } });
      expect(end.code).toBe(0);
      for (let at = 0; at < IMAGE.length; at += 4) expect(chipOf(index).peek(at)).toBe(readU32(IMAGE, at));
    });

    it('needs fewer packets than OpenOCD for the same image, though all of it is read back', async () => {
      const theirs = await programByOpenOcd(guest, 'OPENOCD');
      expect(theirs.stderr).toContain('** Verified OK **');
      for (let at = 0; at < IMAGE.length; at += 4) expect(chipOf(OPENOCD).peek(at)).toBe(readU32(IMAGE, at));
      const packets = (index: number) => server.counts(`1-${index + 1}`)?.requests ?? 0;
      expect(packets(RIGHT)).toBeGreaterThan(IMAGE.length / 512);
      // What was asked of it before by identify is held against us.
      expect(packets(RIGHT)).toBeLessThan(packets(OPENOCD));
    });

    it('ends a run whose probe is pulled out with ERROR probe-lost, and records it', async () => {
      const end = await cli([
        'flash',
        '--release',
        RELEASE,
        '--serial',
        'HB000003',
        '--probe',
        'cmsis-dap:LOST',
        '--json',
      ]);
      expect(lastEvent(end)).toMatchObject({ verdict: 'ERROR', code: 'probe-lost' });
      expect(end.code).toBe(3);
      expect(server.counts('1-5')?.requests).toBe(60);
      const { stdout } = await cli(['log', 'show', '--serial', 'HB000003', '--json']);
      expect(jsonLines(stdout)).toMatchObject([{ verdict: 'ERROR', failure: { code: 'probe-lost' } }]);
      await plugIn(LOST);
    });

    it('says as a user without rights what to do, and works once our udev rule is installed', async () => {
      const denied = await cli(['identify', '--chip', CHIP, '--probe', 'cmsis-dap:FULL', '--json'], 'nobody');
      expect(denied.code).toBe(3);
      expect(denied.stdout).toContain('probe-permission');
      expect(denied.stdout).toContain('60-flashline.rules');
      const pluggedAnew = async () => {
        await installRules(guest);
        await Promise.all([FULL, HID].map((index) => guest.unplug(index)));
        await Promise.all([FULL, HID].map(plugIn));
        return getsRights(guest, FULL);
      };
      // A busy udev has been seen to go on by the rules that it had: then it is done again, as a person would.
      expect((await pluggedAnew()) || (await pluggedAnew())).toBe(true);
      const urls = ['cmsis-dap:FULL', 'cmsis-dap:V1'];
      const identify = (url: string) => cli(['identify', '--chip', CHIP, '--probe', url, '--json'], 'member');
      for (const { code, stdout, stderr } of await Promise.all(urls.map(identify)))
        expect(`${code} ${stderr}${stdout}`).toMatch(/^0 \{/u);
    });

    it('sees probes come and go', async () => {
      const watching = guest.start([...FLASHLINE_PROCESS, 'probes', '--watch', '--json']);
      await watching.waitFor(/probe\.added.*1-5/u, 180_000);
      await guest.unplug(RIGHT);
      await watching.waitFor(/probe\.removed.*1-2/u, 60_000);
      await plugIn(RIGHT);
      const told = await watching.waitFor(/probe\.removed.*1-2[^]*probe\.added.*1-2/u, 60_000);
      watching.signal('SIGINT');
      expect((await watching.ended).code).toBe(0);
      // With its twin gone, the other was found by its serial alone.
      expect(told).toContain('cmsis-dap:TWIN');
    });

    it('is driven on what bench serve offers', async () => {
      const args = [
        'bench',
        'serve',
        '--chip',
        CHIP,
        '--as',
        'usbip:127.0.0.1:0',
        '--serial',
        'CLI1',
        '--count',
        '2',
        '--json',
      ];
      const serving = startCli(args, { home: guest.out });
      await serving.waitFor('bench.serving');
      const [offer] = jsonLines(serving.stdout());
      expect(offer).toMatchObject({ busids: ['1-1', '1-2'] });
      await guest.plugIn({ port: Number(offer?.['port']), busid: '1-2' }, 7);
      const identified = await service('identify', 'cmsis-dap:CLI1', '--json');
      expect(identified.code).toBe(0);
      await guest.unplug(7);
      await serving.waitFor('bench.detached');
      serving.child.kill('SIGINT');
      const end = await serving.ended;
      expect(end.code).toBe(0);
      expect(jsonLines(end.stdout).at(-1)).toMatchObject({ type: 'bench.detached', busid: '1-2', dropped: 0 });
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
