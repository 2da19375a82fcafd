import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readU32 } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import { ftdiWith } from '#main/app/connect/bench-ftdi.ts';
import { type Bench, createBench } from '#main/bench/bench.ts';
import { FaultPlan } from '#main/bench/fault-plan.ts';
import { jtagBoard, spiBoard } from '#main/bench/ftdi/boards.ts';
import { FtdiChip } from '#main/bench/ftdi/ftdi-chip.ts';
import { Eeprom } from '#main/bench/i2c/eeprom.ts';
import { I2cBench } from '#main/bench/i2c/i2c-bench.ts';
import { SpiBench } from '#main/bench/spi/spi-bench.ts';
import { usbFtdi } from '#main/bench/usbip/ftdi.ts';
import { usbMcp2221 } from '#main/bench/usbip/mcp2221.ts';
import { serveUsbip, type UsbipServer } from '#main/bench/usbip/server.ts';
import { openFtdiSpi } from '#main/probe/ftdi/open-ftdi.ts';
import { openSpiNor } from '#main/programmer/spi-nor/open-spi-nor.ts';
import { flashMemories } from '#shared/model/chip.ts';
import { shippedChip } from '#test/bench/bench-run.ts';
import { noise } from '#test/bench/releases.ts';
import { requirePrograms } from '#test/support/programs.ts';
import { bootGuest, type Guest, GUEST_PROGRAMS } from '#test/support/usb-guest/guest.ts';

const STM32 = 'stm32f407vg';
const NOR = 'gd25q64c';
const EEPROM = '24lc256';
const [JTAG, SPI, I2C] = [0, 1, 2];
const realMs = () => performance.now();

/** Adapters with FTDI's and Microchip's own ids: what drives them was written for the real ones. */
describe.skipIf(!requirePrograms([...GUEST_PROGRAMS, 'openocd', 'flashrom']))('simulated adapters on real USB', () => {
  let guest: Guest;
  let server: UsbipServer;
  const bench: Bench = createBench({ startAt: 0, seed: 12 });
  const spi = new SpiBench({ startAt: 0, seed: 12 });
  const i2c = new I2cBench({ startAt: 0, seed: 12 });

  beforeAll(async () => {
    const jtagOn = () => {
      const { board } = bench.plugIn(STM32, 'A');
      return { chip: new FtdiChip(jtagBoard(board)), clock: board.clock };
    };
    const spiOn = () => {
      const { nor, clock } = spi.boardFor(NOR, 'A');
      nor.powerCycle(clock.elapsedNs);
      return { chip: new FtdiChip(spiBoard(nor)), clock };
    };
    const devices = [
      usbFtdi({ serial: 'JTAG', plugIn: jtagOn, realMs }),
      usbFtdi({ serial: 'SPI', plugIn: spiOn, realMs }),
      usbMcp2221({ serial: 'I2C', plugIn: () => i2c.insert(EEPROM, 'A'), realMs }),
    ];
    server = await serveUsbip({ devices, port: 0 });
    guest = await bootGuest();
    await Promise.all(server.busids.map((busid, index) => guest.plugIn({ port: server.port, busid }, index)));
  }, 600_000);

  afterAll(async () => {
    await guest?.stop();
    await server?.close();
  });

  async function must(argv: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await guest.run(argv, { timeoutMs: 300_000 });
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

  it('flashrom’s ft2232_spi finds the flash, reads what Flashline wrote, and Flashline reads what it wrote', async () => {
    const { nor, clock } = spi.boardFor(NOR, 'A');
    const chip = shippedChip(NOR);
    const [memory] = flashMemories(chip);
    if (!memory) throw new TypeError('no flash');
    const io: IoContext = { clock, signal: new AbortController().signal };
    const ours = async () => {
      const wired = {
        url: 'bench',
        clock,
        board: spiBoard(nor),
        faults: new FaultPlan([], 0),
        cutPower: () => undefined,
      };
      const unit = await openSpiNor(await openFtdiSpi(ftdiWith(wired).ftdi, io), chip, io);
      await unit.identify(io);
      return { unit, device: await unit.openFlash(io) };
    };
    const first = noise(4096, 8);
    const mine = await ours();
    await mine.device.program(memory, 0x1000, first, io);
    await mine.device.finish(io);
    await mine.unit.close(io);
    writeFileSync(join(guest.out, 'layout'), '00001000:00001fff ours\n00002000:00002fff theirs\n');
    const flashrom = [
      'flashrom',
      '-p',
      'ft2232_spi:type=2232H,port=A,serial=SPI,divisor=4',
      '--noverify-all',
      '-l',
      '/out/layout',
    ];
    await must([...flashrom, '-i', 'ours', '-r', '/out/read.bin']);
    expect(new Uint8Array(readFileSync(join(guest.out, 'read.bin')).subarray(0x1000, 0x2000))).toEqual(first);
    const second = noise(4096, 9);
    const whole = new Uint8Array(memory.size).fill(0xff);
    whole.set(second, 0x2000);
    writeFileSync(join(guest.out, 'write.bin'), whole);
    expect(await must([...flashrom, '-i', 'theirs', '-w', '/out/write.bin'])).toMatch(/VERIFIED/);
    const again = await ours();
    expect(await again.device.read(0x2000, 4096, io)).toEqual(second);
    expect(await again.device.read(0x1000, 4096, io)).toEqual(first);
    await again.unit.close(io);
  });

  it('Linux’ hid-mcp2221 and at24 find the EEPROM and write it', async () => {
    const model = i2c.chipOf(EEPROM, 'A');
    if (!(model instanceof Eeprom)) throw new TypeError('no EEPROM');
    const cells = await eepromOfLinux();
    const theirs = noise(24, 3);
    writeFileSync(join(guest.out, 'theirs.bin'), theirs);
    await must(['sh', '-c', `dd if=/out/theirs.bin of=${cells} bs=24 seek=4 conv=notrunc`]);
    expect(model.cells.subarray(96, 120)).toEqual(theirs);
    expect(model.misuse).toEqual([]);
  });

  it('needs no packet that was lost', () => {
    expect([JTAG, SPI, I2C].map((index) => server.counts(`1-${index + 1}`)?.dropped)).toEqual([0, 0, 0]);
  });
});
