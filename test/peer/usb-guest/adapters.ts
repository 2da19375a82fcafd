import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readU32, writeU32 } from '#shared/base/bytes.ts';
import { ftdiSpi } from '#main/app/offers/adapter-offers.ts';
import type { Wanted } from '#main/app/offers/offer.ts';
import { type Bench, createBench } from '#main/bench/bench.ts';
import { i2cBoard, jtagBoard } from '#main/bench/ftdi/boards.ts';
import { FtdiChip } from '#main/bench/ftdi/ftdi-chip.ts';
import { Eeprom } from '#main/bench/i2c/eeprom.ts';
import { I2cBench } from '#main/bench/i2c/i2c-bench.ts';
import { usbFtdi } from '#main/bench/usbip/ftdi.ts';
import { usbMcp2221 } from '#main/bench/usbip/mcp2221.ts';
import { serveUsbip, type UsbipServer } from '#main/bench/usbip/server.ts';
import { RunEvent } from '#shared/model/run-event.ts';
import { noise } from '#test/bench/releases.ts';
import { type Guest, NODE, type User } from '#test/support/usb-guest/guest.ts';
import { installRules } from '#test/support/usb-guest/rules.ts';

const STM32 = 'stm32f407vg';
const NOR = 'gd25q64c';
const EEPROM = '24lc256';
const START = 0x0800_0000;
const [JTAG, SPI, I2C, I2C_FTDI] = [0, 1, 2, 3];
const realMs = () => performance.now();

/** What Flashline itself writes by each. */
const RELEASES = {
  jtag: { chip: STM32, via: 'jtag', address: START, bytes: firmware(1024) },
  spi: { chip: NOR, via: 'spi', address: 0x4000, bytes: noise(4096, 22) },
  i2c: { chip: EEPROM, via: 'i2c', address: 0x100, bytes: noise(200, 23) },
  'i2c-ftdi': { chip: EEPROM, via: 'i2c', address: 0x100, bytes: noise(200, 24) },
} as const;

/** An 8 MiB flash takes flashrom minutes here: it looks at these two parts alone. */
const OURS = '00004000:00004fff';
const THEIRS = '00002000:00002fff';
const NOR_BYTES = 0x80_0000;
const FROM_FLASHROM = noise(4096, 9);
const FTDI_SPI = 'ft2232_spi:type=2232H,port=A,serial=SPI,divisor=4';
const FLASHROM = ['flashrom', '-p', FTDI_SPI, '--noverify-all', '-l', '/out/layout'];

/** Another program with the adapter's interface, until it is ended. */
const HOLD_I2C_B = `
  import { usb } from 'usb';
  const device = (await usb.getDevices()).find(({ serialNumber }) => serialNumber === 'I2C-B');
  await device.open();
  await device.detachKernelDriver(0);
  await device.claimInterface(0);
  console.log('claimed');
  setInterval(() => undefined, 1000);
`;

/** As `bench serve --chip gd25q64c --as usbip:... --serial SPI` has it. */
function offered(bench: Bench): Wanted {
  const options = { startAt: 0, seed: 12 };
  const rest = { described: undefined, probe: 'high-speed', count: '1', haste: 1, tell: () => undefined } as const;
  return { bench, options, chip: NOR, via: 'spi', serial: 'SPI', ...rest };
}

/** Adapters with FTDI's and Microchip's own ids: what drives them was written for the real ones. */
export function adaptersOnUsb(guestOf: () => Guest): void {
  describe('simulated adapters on real USB', () => {
    let guest: Guest;
    let server: UsbipServer;
    const bench: Bench = createBench({ startAt: 0, seed: 12 });
    const i2c = new I2cBench({ startAt: 0, seed: 12 });

    beforeAll(async () => {
      const jtagOn = () => {
        const { board } = bench.plugIn(STM32, 'A');
        return { chip: new FtdiChip(jtagBoard(board)), clock: board.clock };
      };
      const i2cOn = () => {
        const { wire, clock } = i2c.insert(EEPROM, 'B');
        return { chip: new FtdiChip(i2cBoard(wire)), clock };
      };
      const devices = [
        usbFtdi({ serial: 'JTAG', plugIn: jtagOn, realMs }),
        ...ftdiSpi(offered(bench)),
        usbMcp2221({ serial: 'I2C', plugIn: () => i2c.insert(EEPROM, 'A'), realMs }),
        usbFtdi({ serial: 'I2C-B', plugIn: i2cOn, realMs }),
      ];
      server = await serveUsbip({ devices, port: 0 });
      guest = guestOf();
      await installRules(guest);
      for (const [name, { chip, via, address, bytes }] of Object.entries(RELEASES))
        release(join(guest.out, name), `chip: ${chip}\ninterface: ${via}`, address, bytes);
      await Promise.all(server.busids.map((busid, index) => guest.plugIn({ port: server.port, busid }, index)));
    });

    afterAll(async () => {
      await guest.unplugAll();
      await server.close();
    });

    function eeprom(unit: string): Eeprom {
      const model = i2c.chipOf(EEPROM, unit);
      if (!(model instanceof Eeprom)) throw new TypeError('no EEPROM');
      return model;
    }

    async function must(argv: readonly string[]): Promise<string> {
      const { code, stdout, stderr } = await guest.run(argv);
      if (code !== 0) throw new Error(`${argv.join(' ')} ended with ${code}: ${stdout}${stderr}`);
      return stdout + stderr;
    }

    /** Where at24 shows the EEPROM on the bus of hid-mcp2221. */
    async function eepromOfLinux(): Promise<string> {
      const find =
        'for i in $(seq 100); do grep -l MCP2221 /sys/bus/i2c/devices/i2c-*/name 2>/dev/null && break; sleep 0.1; done';
      const bus = (await must(['sh', '-c', find])).trim().replace(/\/name$/u, '');
      await must(['sh', '-c', `echo 24c256 0x50 > ${bus}/new_device`]);
      return `${bus}/${bus.replace(/^.*i2c-/u, '')}-0050/eeprom`;
    }

    it('OpenOCD’s ftdi driver finds the board’s TAPs, and programs and verifies its flash', async () => {
      const image = noise(0x44, 5);
      writeFileSync(join(guest.out, 'image.bin'), image);
      const unit = bench.boardFor(STM32, 'A').chip;
      unit.preload(0x0800ffe0, 0);
      const commands = [
        'adapter driver ftdi',
        'ftdi vid_pid 0x0403 0x6010',
        'adapter serial JTAG',
        'ftdi channel 0',
        'ftdi layout_init 0x0308 0x000b',
        'ftdi layout_signal nTRST -data 0x0100 -oe 0x0100',
        'ftdi layout_signal nSRST -data 0x0200 -oe 0x0200',
        'transport select jtag',
        'gdb_port disabled; tcl_port disabled; telnet_port disabled',
        'set WORKAREASIZE 0; source [find target/stm32f4x.cfg]',
        'adapter speed 4000',
        'init',
        'scan_chain',
        'reset halt',
        'flash erase_sector 0 3 4',
        'flash write_bank 0 /out/image.bin 0xffe0',
        'verify_image /out/image.bin 0x0800ffe0 bin',
        'shutdown',
      ];
      const said = await must(['openocd', ...commands.flatMap((command) => ['-c', command])]);
      expect(said).toMatch(/0x4ba00477/);
      expect(said).toMatch(/0x06413041/);
      expect(said).toMatch(/verified 68 bytes/);
      for (let at = 0; at < image.length; at += 4) expect(unit.peek(0x0800ffe0 + at)).toBe(readU32(image, at));
      expect(unit.report().misuse ?? []).toEqual([]);
    });

    it('flashrom’s ft2232_spi finds the flash of what bench serve offers, and writes and verifies it', async () => {
      writeFileSync(join(guest.out, 'layout'), `${OURS} ours\n${THEIRS} theirs\n`);
      const whole = new Uint8Array(NOR_BYTES).fill(0xff);
      whole.set(FROM_FLASHROM, 0x2000);
      writeFileSync(join(guest.out, 'write.bin'), whole);
      expect(await must([...FLASHROM, '-i', 'theirs', '-w', '/out/write.bin'])).toMatch(/VERIFIED/);
    });

    it('Linux’ hid-mcp2221 and at24 find the EEPROM and write it', async () => {
      const model = eeprom('A');
      const cells = await eepromOfLinux();
      const theirs = noise(24, 3);
      writeFileSync(join(guest.out, 'theirs.bin'), theirs);
      await must(['sh', '-c', `dd if=/out/theirs.bin of=${cells} bs=24 seek=4 conv=notrunc`]);
      expect(model.cells.subarray(96, 120)).toEqual(theirs);
      expect(model.misuse).toEqual([]);
    });

    const cli = (args: readonly string[], as: User = 'member') =>
      guest.flashline([...args, '--json'], { as, env: { FLASHLINE_HOME: `/tmp/home-adapters-${as}` } });
    const driverOf = async (index: number) =>
      (await must(['sh', '-c', `readlink /sys/bus/usb/devices/1-${index + 1}:1.0/driver`])).trim().split('/').at(-1);
    const heldBy = {
      jtag: (at: number, size: number) => {
        const { chip } = bench.boardFor(STM32, 'A');
        return Uint8Array.from({ length: size }, (_, i) => (chip.peek((at + i) & ~3) ?? 0) >>> (8 * ((at + i) & 3)));
      },
      // By flashrom: the offer's flash is nobody's to look into.
      spi: async (at: number, size: number) => {
        await must([...FLASHROM, '-i', 'ours', '-r', '/out/read.bin']);
        return new Uint8Array(readFileSync(join(guest.out, 'read.bin')).subarray(at, at + size));
      },
      i2c: (at: number, size: number) => eeprom('A').cells.slice(at, at + size),
      'i2c-ftdi': (at: number, size: number) => eeprom('B').cells.slice(at, at + size),
    } as const;

    it('Flashline lists them with the addresses that reach them, and says who may not use them', async () => {
      const listed = async (as: User) =>
        jsonLines((await cli(['probes'], as)).stdout)
          .filter(({ url }) => /ftdi|mcp2221/u.test(String(url)))
          .map(({ url, port, problem }) => [url, port, problem]);
      const urls = [
        ['ftdi:JTAG', '1-1'],
        ['spi:ftdi:JTAG', '1-1'],
        ['i2c:ftdi:JTAG', '1-1'],
        ['ftdi:SPI', '1-2'],
        ['spi:ftdi:SPI', '1-2'],
        ['i2c:ftdi:SPI', '1-2'],
        ['i2c:mcp2221:I2C', '1-3'],
        ['ftdi:I2C-B', '1-4'],
        ['spi:ftdi:I2C-B', '1-4'],
        ['i2c:ftdi:I2C-B', '1-4'],
      ];
      expect(await listed('member')).toEqual(urls.map(([url, port]) => [url, port, null]));
      expect(await listed('nobody')).toEqual(urls.map(([url, port]) => [url, port, 'probe-permission']));
    });

    it.each([
      ['JTAG', 'jtag', 'ftdi:JTAG', JTAG, 'ftdi_sio'],
      ['SPI', 'spi', 'spi:ftdi:SPI', SPI, 'ftdi_sio'],
      ['I2C by MCP2221A', 'i2c', 'i2c:mcp2221:@1-3', I2C, 'usbhid'],
      ['I2C by FTDI', 'i2c-ftdi', 'i2c:ftdi:I2C-B', I2C_FTDI, 'ftdi_sio'],
    ] as const)('Flashline itself flashes by %s past the kernel’s driver, and gives it back', async (...row) => {
      const [, name, probe, index, driver] = row;
      const { address, bytes } = RELEASES[name];
      // OpenOCD and flashrom, before and after this, do not give it back.
      const place = `1-${index + 1}:1.0`;
      const bus = '/sys/bus/usb';
      await must(['sh', '-c', `test -e ${bus}/devices/${place}/driver || echo ${place} > ${bus}/drivers_probe`]);
      expect(await driverOf(index)).toBe(driver);
      const flash = ['flash', '--release', `/out/${name}`, '--serial', `AB00000${index}`, '--probe', probe];
      const end = await cli(flash);
      const last = RunEvent.parse(jsonLines(end.stdout).at(-1));
      expect(last).toMatchObject({ verdict: 'PASS', record: { probe } });
      expect(await driverOf(index)).toBe(driver);
      expect(await heldBy[name](address, bytes.length)).toEqual(bytes);
    });

    it('Flashline reads what flashrom wrote', async () => {
      const at = ['--address', '0x2000', '--size', `${FROM_FLASHROM.length}`, '--out', '/out/theirs.bin'];
      const end = await cli(['read', '--chip', NOR, '--probe', 'spi:ftdi:@1-2', ...at], 'root');
      expect(end).toMatchObject({ code: 0 });
      expect(new Uint8Array(readFileSync(join(guest.out, 'theirs.bin')))).toEqual(FROM_FLASHROM);
    });

    it('an adapter that another program works with is not taken away from it', async () => {
      const holder = guest.start([NODE, '--input-type=module', '-e', HOLD_I2C_B]);
      await holder.waitFor(/claimed/u);
      const identify = ['identify', '--chip', EEPROM, '--probe', 'i2c:ftdi:I2C-B'];
      const end = await cli(identify);
      expect(end.stdout).toContain('probe-busy');
      expect(end.code).toBe(3);
      expect(await driverOf(I2C_FTDI)).toBe('usbfs');
      holder.signal('SIGKILL');
      await holder.ended;
      expect((await cli(identify)).code).toBe(0);
    });

    it('needs no packet that was lost', () => {
      expect([JTAG, SPI, I2C, I2C_FTDI].map((index) => server.counts(`1-${index + 1}`)?.dropped)).toEqual([0, 0, 0, 0]);
    });
  });
}

function release(folder: string, via: string, address: number, bytes: Uint8Array): void {
  mkdirSync(folder);
  writeFileSync(join(folder, 'image.bin'), bytes);
  const recipe = `schema: 1
product: { id: adapter-board, revision: A, name: Board at an adapter }
${via}
images:
  - { role: application, file: image.bin, address: ${address}, version: 1.0.0 }
serial: { pattern: '^AB[0-9]{6}$' }
`;
  writeFileSync(join(folder, 'recipe.yaml'), recipe);
}

function jsonLines(text: string): Record<string, unknown>[] {
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** Noise with a vector table that a Cortex-M would start. */
function firmware(size: number): Uint8Array {
  const bytes = noise(size, 21);
  writeU32(bytes, 0, 0x2000_8000);
  writeU32(bytes, 4, START + 0x101);
  return bytes;
}
