import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { IoContext } from '#shared/base/clock.ts';
import { ChipDescription, type FlashMemory, flashMemories } from '#shared/model/chip.ts';
import { realClock } from '#main/app/real-clock.ts';
import type { FlashDevice } from '#main/programmer/flash-device.ts';
import type { Programmer } from '#main/programmer/programmer.ts';
import { openSpiNor } from '#main/programmer/spi-nor/open-spi-nor.ts';
import { noise } from '#test/support/nor-release.ts';
import { requirePrograms } from '#test/support/programs.ts';
import { type QemuNor, startQemuNor } from '#test/support/qtest-spi.ts';
import { shippedChip } from '../bench/bench-run.ts';

/** QEMU's n25q256a, whose behaviour and parameters nobody here wrote, driven at the byte level by our programmer. */
const CHIP = shippedChip('n25q256a');
const io: IoContext = { clock: realClock, signal: new AbortController().signal };

describe.runIf(requirePrograms(['qemu-system-arm']))('QEMU’s n25q256a', () => {
  let qemu: QemuNor;
  let unit: Programmer;
  let device: FlashDevice;
  let memory: FlashMemory;

  beforeAll(async () => {
    qemu = await startQemuNor();
    unit = await openSpiNor(qemu.port, CHIP, io);
  });
  afterAll(async () => {
    await unit?.close(io);
    await qemu?.stop();
  });

  it('is identified by its id and its own parameters', async () => {
    const identity = await unit.identify(io);
    expect(identity.locks).toMatchObject({ 'JEDEC ID': '20BA19', size: '0x02000000', 'block protection': 'none' });
  });

  it('is known by its parameters alone', async () => {
    const generic = await openSpiNor(qemu.port, shippedChip('spi-nor'), io);
    expect((await generic.identify(io)).locks).toMatchObject({ size: '0x02000000' });
    await expect(
      openSpiNor(qemu.port, shippedChip('w25q128jv'), io).then((other) => other.identify(io)),
    ).rejects.toMatchObject({
      failure: { code: 'wrong-chip', params: { register: 'JEDEC ID', found: '20BA19' } },
    });
  });

  it('opens', async () => {
    device = await unit.openFlash(io);
    const [flash] = flashMemories(CHIP);
    if (!flash) throw new TypeError('no flash');
    memory = flash;
    expect(device.name).toBe('spi-nor');
  });

  // QEMU starts with zeros: nothing reads as erased unless it was erased. The last two are beyond 16 MiB.
  it.each([0x10000, 0x0fff000, 0x1000000, 0x1ff0000])('erases, programs and reads back at %i', async (start) => {
    await device.erase(memory, start, 0x11000 > memory.size - start ? 0x10000 : 0x11000, io);
    const before = await device.read(start, 0x10000, io);
    expect(before.every((byte) => byte === 0xff)).toBe(true);
    const bytes = noise(3001, start);
    await device.program(memory, start + 0x7fe, bytes, io);
    await device.finish(io);
    const found = await device.read(start + 0x7f0, 3033, io);
    expect(found.subarray(14, 14 + bytes.length)).toEqual(bytes);
    expect(found.subarray(0, 14).every((byte) => byte === 0xff)).toBe(true);
  });

  it('lets bits fall without an erase, and does not let them rise', async () => {
    await device.erase(memory, 0x40000, 0x1000, io);
    await device.program(memory, 0x40000, Uint8Array.of(0xf0, 0x0f, 0xaa, 0x55), io);
    await device.program(memory, 0x40000, Uint8Array.of(0x0f, 0xff, 0xa5, 0x00), io);
    expect(await device.read(0x40000, 4, io)).toEqual(Uint8Array.of(0x00, 0x0f, 0xa0, 0x00));
  });

  it('leaves what lies beside the erased blocks as it was', async () => {
    await device.erase(memory, 0x80000, 0x3000, io);
    await device.program(memory, 0x80000, new Uint8Array(0x3000), io);
    await device.erase(memory, 0x81000, 0x1000, io);
    const found = await device.read(0x80000, 0x3000, io);
    expect(found.subarray(0x1000, 0x2000).every((byte) => byte === 0xff)).toBe(true);
    expect([...found.subarray(0, 0x1000), ...found.subarray(0x2000)].every((byte) => byte === 0)).toBe(true);
  });
});

describe.runIf(requirePrograms(['qemu-system-arm']))('QEMU’s n25q256a, its addresses of three bytes', () => {
  it('are completed by its extended address register', async () => {
    const { spi } = CHIP;
    if (spi?.kind !== 'nor') throw new TypeError('no NOR flash');
    const qemu = await startQemuNor();
    try {
      const chip = ChipDescription.parse({ ...CHIP, spi: { ...spi, enterFourByte: 'segment-c5' } });
      const unit = await openSpiNor(qemu.port, chip, io);
      const device = await unit.openFlash(io);
      const [memory] = flashMemories(chip);
      if (!memory) throw new TypeError('no flash');
      const [start, bytes] = [0xfff000, noise(0x2000, 3)];
      await device.erase(memory, start, 0x2000, io);
      await device.program(memory, start, bytes, io);
      await device.finish(io);
      expect(await device.read(start, 0x2000, io)).toEqual(bytes);
      // Of the first segment's start nothing has changed: QEMU begins with zeros.
      expect(await device.read(0, 0x1000, io)).toEqual(new Uint8Array(0x1000));
      await unit.close(io);
      // Another way in, which knows of no segments, finds the same.
      const other = await openSpiNor(qemu.port, CHIP, io);
      expect(await (await other.openFlash(io)).read(start, 0x2000, io)).toEqual(bytes);
      await other.close(io);
    } finally {
      await qemu.stop();
    }
  });
});
