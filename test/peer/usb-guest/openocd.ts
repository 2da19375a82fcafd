import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readU32 } from '#shared/base/bytes.ts';
import { type Bench, createBench } from '#main/bench/bench.ts';
import { Prng } from '#main/bench/prng.ts';
import type { ProbeName } from '#main/bench/probe-profile.ts';
import { serveUsbip, type UsbipServer } from '#main/bench/usbip/server.ts';
import { usbProbe } from '#main/bench/usbip/usb-probe.ts';
import type { Guest } from '#test/support/usb-guest/guest.ts';

/** What OpenOCD is to find on a chip, and where it may work. */
interface ChipRig {
  readonly chip: string;
  /** OpenOCD's target script, with what has to be set before it. */
  readonly script: string;
  readonly identity: readonly RegExp[];
  /** What the ROM table leads to, as OpenOCD calls it. */
  readonly parts: readonly string[];
  readonly ram: number;
  /** Where OpenOCD's own flash driver programs an image, if it can, and how long that is. */
  readonly flash?: number;
  readonly size?: number;
  /** Commands that erase and write it; `flash write_image erase` when left out. */
  readonly write?: readonly string[];
}

/** One of our simulated units on one of our simulated probes. */
interface Rig extends ChipRig {
  readonly probe: ProbeName;
}

const CORTEX_M0_PARTS = ['Cortex-M0 SCS', 'Cortex-M0 DWT', 'Cortex-M0 BPU'];

const NRF52840: ChipRig = {
  chip: 'nrf52840',
  script: 'source [find target/nrf52.cfg]',
  identity: [
    /SWD DPIDR 0x2ba01477/,
    /Cortex-M4 r0p1 processor detected/,
    /nRF52840-xxAA\(build code: C0\) 1024kB Flash/,
  ],
  parts: ['Cortex-M4 SCS', 'Cortex-M3 DWT', 'Cortex-M3 FPB', 'Cortex-M3 ITM', 'Cortex-M4 TPIU'],
  ram: 0x20001000,
  flash: 0x2000,
  size: 6 * 1024 + 4,
};

const NRF51822: ChipRig = {
  chip: 'nrf51822',
  script: 'source [find target/nrf51.cfg]',
  identity: [/SWD DPIDR 0x0bb11477/, /Cortex-M0 r0p0 processor detected/, /nRF51822-QFAA\([^)]*\) 256kB Flash/],
  parts: CORTEX_M0_PARTS,
  ram: 0x20001000,
  flash: 0x1400,
  size: 3 * 1024 + 4,
};

const STM32F407: ChipRig = {
  chip: 'stm32f407vg',
  // OpenOCD's loader is Thumb-2, which the bench's core does not know: it writes by the controller's registers.
  script: 'set WORKAREASIZE 0; source [find target/stm32f4x.cfg]',
  identity: [/SWD DPIDR 0x2ba01477/, /Cortex-M4 r0p1/, /device id = 0x10076413[^]*flash size = 1024 KiB/],
  parts: ['Cortex-M4 SCS', 'Cortex-M3 DWT', 'Cortex-M3 FPB'],
  ram: 0x20001000,
  // Over the end of a sector.
  flash: 0x0800ffe0,
  size: 0x44,
  // A halfword is three round trips: writing an image would fill up the sector.
  write: ['flash erase_sector 0 3 4', 'flash write_bank 0 /out/image.bin 0xffe0'],
};

const STM32G071: ChipRig = {
  chip: 'stm32g071rb',
  script: 'source [find target/stm32g0x.cfg]',
  identity: [/SWD DPIDR 0x0bc11477/, /Cortex-M0\+ r0p1 processor detected/, /flash size = 128 KiB/],
  parts: ['Cortex-M0+ ROM', ...CORTEX_M0_PARTS],
  ram: 0x20001000,
  flash: 0x08001000,
  size: 4 * 1024 + 8,
};

const SAMD21: ChipRig = {
  chip: 'atsamd21g18a',
  script: 'source [find target/at91samdXX.cfg]',
  identity: [/SWD DPIDR 0x0bc11477/, /Cortex-M0\+ r0p1 processor detected/, /SAMD21G18A \(256KB Flash, 32KB RAM\)/],
  parts: ['Cortex-M0+ ROM', ...CORTEX_M0_PARTS],
  ram: 0x20001000,
  flash: 0x2000,
  size: 2 * 1024,
};

/** Two cores with a debug port each on the same wires. Its flash is written by its boot ROM, which is not ours to have. */
const RP2040: ChipRig = {
  chip: 'rp2040',
  script: 'source [find target/rp2040.cfg]',
  identity: [/DPIDR 0x0bc12477, DLPIDR 0x00000001/, /DLPIDR 0x10000001/, /rp2040.core1\] Cortex-M0\+ r0p1/],
  parts: ['Cortex-M0+ ROM', ...CORTEX_M0_PARTS],
  ram: 0x20001000,
};

/** The rig's place in this list is its bus id, its hub port, its probe's serial and its unit's. */
const RIGS: readonly Rig[] = [
  { ...NRF52840, probe: 'high-speed' },
  { ...NRF52840, probe: 'full-speed' },
  { ...NRF52840, probe: 'hid' },
  { ...NRF51822, probe: 'hid' },
  { ...STM32F407, probe: 'high-speed' },
  { ...STM32G071, probe: 'full-speed' },
  { ...SAMD21, probe: 'high-speed' },
  { ...RP2040, probe: 'hid' },
];
const names = RIGS.map(({ chip, probe }, index) => ({ name: `${chip} on a ${probe} probe`, index }));

export function openOcdOnUsb(guestOf: () => Guest): void {
  describe('OpenOCD drives our probes over real USB', () => {
    let guest: Guest;
    let server: UsbipServer;
    let bench: Bench;

    beforeAll(async () => {
      bench = createBench({ startAt: 0, seed: 31 });
      const devices = RIGS.map(({ chip, probe }, index) => usbProbe({ bench, chip, probe, ...serials(index), realMs }));
      server = await serveUsbip({ devices, port: 0 });
      guest = guestOf();
      await Promise.all(server.busids.map((busid, index) => guest.plugIn({ port: server.port, busid }, index)));
    });

    afterAll(async () => {
      await guest.unplugAll();
      await server.close();
    });

    /** What OpenOCD says while it carries these commands out; it exits with the first that fails. */
    async function openocd(index: number, ...commands: string[]): Promise<string> {
      const { script, probe } = rig(index);
      const configuration = [
        'adapter driver cmsis-dap',
        `cmsis_dap_backend ${probe === 'hid' ? 'hid' : 'usb_bulk'}`,
        `adapter serial ${serials(index).probeSerial}`,
        'transport select swd',
        'gdb_port disabled',
        'tcl_port disabled',
        'telnet_port disabled',
        script,
        'init',
        ...commands,
        'shutdown',
      ];
      const argv = ['openocd', ...configuration.flatMap((command) => ['-c', command])];
      const { code, stdout, stderr } = await guest.run(argv);
      if (code !== 0) throw new Error(`OpenOCD ended with ${code}: ${stdout}${stderr}`);
      return stdout + stderr;
    }

    /** In the same start of OpenOCD's as the rest: it takes longer than all that it does. */
    function flashWork(index: number) {
      const { flash, chip, size = 0, write } = rig(index);
      if (flash === undefined) return { before: [], write: [], check: () => undefined };
      const image = randomBytes(index, size);
      writeFileSync(join(guest.out, 'image.bin'), image);
      const unit = bench.boardFor(chip, serials(index).unit).chip;
      // What is there already has to be erased first, or the image will not hold.
      unit.preload(flash, 0);
      return {
        before: ['flash probe 0'],
        write: [
          'reset halt',
          ...(write ?? [`flash write_image erase /out/image.bin ${flash} bin`]),
          `verify_image /out/image.bin ${flash} bin`,
        ],
        check: (said: string) => {
          expect(said).toMatch(/wrote \d+ bytes from file \/out\/image\.bin/);
          // The RAM's, and the flash's.
          expect(said).toContain(`verified ${image.length} bytes`);
          for (let at = 0; at < image.length; at += 4) expect(unit.peek(flash + at)).toBe(readU32(image, at));
          expect(unit.report().overwrittenWords).toEqual([]);
          expect(unit.report().misuse ?? []).toEqual([]);
        },
      };
    }

    it.each(names)(
      'finds $name, reads and writes its RAM, runs code there, and programs its flash by its own driver',
      async ({ index }) => {
        const { ram, identity, parts } = rig(index);
        const flash = flashWork(index);
        const bytes = randomBytes(index, 1021);
        writeFileSync(join(guest.out, 'ram.bin'), bytes);
        // movs r0, #0; movs r1, #100; loop: adds r0, r0, r1; subs r1, #1; bne loop; bkpt
        writeFileSync(join(guest.out, 'sum.bin'), Uint16Array.of(0x2000, 0x2164, 0x1840, 0x3901, 0xd1fc, 0xbe00));
        const said = await openocd(
          index,
          'reset halt',
          ...flash.before,
          'dap info 0',
          `load_image /out/ram.bin ${ram} bin`,
          `verify_image /out/ram.bin ${ram} bin`,
          `dump_image /out/back.bin ${ram} ${bytes.length}`,
          `mwb ${ram + 3} 0x5a`,
          `mdw ${ram}`,
          `load_image /out/sum.bin ${ram} bin`,
          `reg sp ${ram + 0x400}`,
          `resume ${ram}`,
          'wait_halt 2000',
          'reg r0',
          'reg pc',
          ...flash.write,
        );
        for (const line of identity) expect(said).toMatch(line);
        expect(said).toMatch(/Component class is 0x1, ROM table/);
        for (const part of parts) expect(said).toContain(part);
        expect(new Uint8Array(readFileSync(join(guest.out, 'back.bin')))).toEqual(bytes);
        const word = ((readU32(bytes, 0) & 0xffffff) | 0x5a000000).toString(16);
        expect(said).toContain(`0x${ram.toString(16)}: ${word}`);
        expect(said).toMatch(/r0 \(\/32\): 0x000013ba/);
        expect(said).toContain(`pc (/32): 0x${(ram + 10).toString(16)}`);
        flash.check(said);
      },
    );
  });
}

function rig(index: number): Rig {
  const found = RIGS[index];
  if (!found) throw new RangeError(`no rig ${index}`);
  return found;
}

function serials(index: number): { readonly unit: string; readonly probeSerial: string } {
  return { unit: `OCD${index}`, probeSerial: `PROBE${index}` };
}

function randomBytes(seed: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  new Prng(seed + 1).scramble(bytes);
  return bytes;
}

function realMs(): number {
  return performance.now();
}
