import { createHash } from 'node:crypto';
import { loadFirmwareImage } from 'esptool-js/lib/image/index.js';
import { describe, expect, test } from 'vitest';
import { equalBytes } from '#shared/base/bytes.ts';
import type { FlashMemory } from '#shared/model/chip.ts';
import { flashMemories } from '#shared/model/chip.ts';
import { readEspImage } from '#main/image/esp-image.ts';
import { openEsp } from '#main/programmer/esp/open-esp.ts';
import { ESP_CHIPS, espImage, EspLine, firmware } from '#test/support/esp-unit.ts';
import { withEsptoolJs } from '#test/support/esptool-js.ts';

const BAUD = 921_600;
const md5 = (bytes: Uint8Array) => createHash('md5').update(bytes).digest('hex');
const memoryOf = (line: EspLine): FlashMemory => flashMemories(line.chip)[0] ?? expect.unreachable();
/** Whole sectors: what a page holds beyond an image is nobody's here. */
const image = firmware(0x18000, 3);

async function ours(line: EspLine) {
  const { link } = line.plug();
  const programmer = await openEsp(link, line.chip, line.io);
  const flash = await programmer.openFlash(line.io);
  return { programmer, flash };
}

function theirs<T>(line: EspLine, work: Parameters<typeof withEsptoolJs<T>>[3]): Promise<T> {
  const { link, unit } = line.plug();
  return withEsptoolJs(link, unit.clock, BAUD, work);
}

describe('esptool-js, Espressif’s own flasher, on the simulated unit', () => {
  test.each(ESP_CHIPS)('%s: detects the chip, reads the MAC that Flashline reads', async (chip) => {
    const line = new EspLine(chip);
    const found = await theirs(line, async (loader) => {
      await loader.main();
      return { name: loader.chip.CHIP_NAME, mac: await loader.chip.readMac(loader) };
    });
    const { programmer } = await ours(line);
    const { uid } = await programmer.identify(line.io);
    expect(found.name.toLowerCase()).toBe(chip);
    expect(found.mac.replaceAll(':', '')).toBe(uid);
  });

  test('what it writes, compressed and checked by MD5, Flashline finds and reads', async () => {
    const line = new EspLine();
    await theirs(line, async (loader) => {
      await loader.main();
      await loader.writeFlash({
        fileArray: [{ data: image, address: 0x10000 }],
        flashMode: 'keep',
        flashFreq: 'keep',
        flashSize: 'keep',
        eraseAll: false,
        compress: true,
        calculateMD5Hash: md5,
      });
    });
    const { flash } = await ours(line);
    expect(await flash.holds?.(memoryOf(line), 0x10000, image, line.io)).not.toContain(false);
    expect(equalBytes(await flash.read(0x10000, image.length, line.io), image)).toBe(true);
    expect(await flash.digest?.of(0x10000, image.length, line.io)).toBe(md5(image));
  });

  test('what Flashline writes, it reads back, and its MD5 is the same', async () => {
    const line = new EspLine();
    const { flash } = await ours(line);
    await flash.erase(memoryOf(line), 0x10000, image.length, line.io);
    await flash.program(memoryOf(line), 0x10000, image, line.io);
    await flash.finish(line.io);
    await theirs(line, async (loader) => {
      await loader.main();
      expect(await loader.flashMd5sum(0x10000, image.length)).toBe(md5(image));
      expect(equalBytes(await loader.readFlash(0x10000, 0x6000), image.subarray(0, 0x6000))).toBe(true);
    });
  });

  test('without a stub, uncompressed, by the ROM loader', async () => {
    const line = new EspLine();
    await theirs(line, async (loader) => {
      await loader.detectChip();
      loader.FLASH_WRITE_SIZE = 0x400;
      await loader.flashSpiAttach(0);
      await loader.writeFlash({
        fileArray: [{ data: image.subarray(0, 0x4000), address: 0x20000 }],
        flashMode: 'keep',
        flashFreq: 'keep',
        flashSize: 'keep',
        eraseAll: false,
        compress: false,
      });
    });
    expect(equalBytes(line.unit.flash.read(0x20000, 0x4000, 0).bytes, image.subarray(0, 0x4000))).toBe(true);
  });

  test('it reads the flash’s size that Flashline reads', async () => {
    const line = new EspLine('esp32-c3');
    expect(
      await theirs(line, async (loader) => {
        await loader.main();
        return loader.detectFlashSize();
      }),
    ).toBe('4MB');
  });

  test('an image that the unit starts', async () => {
    const line = new EspLine();
    const boots = espImage(0, firmware(0x3000, 5));
    await theirs(line, async (loader) => {
      await loader.main();
      const fileArray = [
        { data: boots, address: 0x1000 },
        { data: boots, address: 0x10000 },
      ];
      await loader.writeFlash({
        fileArray,
        flashMode: 'keep',
        flashFreq: 'keep',
        flashSize: 'keep',
        eraseAll: false,
        compress: true,
      });
    });
    line.plug();
    expect(line.unit.device.starts).toEqual(['application']);
  });

  test('it reads an image’s header as Flashline does', async () => {
    const bytes = espImage(5, firmware(0x1234, 8));
    const line = new EspLine('esp32-c3');
    const theirImage = await theirs(line, async (loader) => {
      await loader.detectChip();
      return loadFirmwareImage(loader.chip, bytes);
    });
    const found = readEspImage(bytes);
    expect(found?.segments).toEqual(
      theirImage.segments.map(({ addr, data }) => ({ address: addr, size: data.length })),
    );
    expect(found).toMatchObject({ entry: theirImage.entrypoint, chipId: 5, checksum: 'right', digest: 'right' });
    expect(theirImage.checksum).toBe(bytes.at(-33));
  });
});
