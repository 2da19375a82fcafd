import { createHash } from 'node:crypto';
import type { ESPLoader } from 'esptool-js';
import type { UartDevice } from '#main/bench/uart/uart-device.ts';
import { imageOf, runEsp } from '#test/bench/esp-run.ts';
import { EspLine, espImage, firmware } from '#test/support/esp-unit.ts';
import { withEsptoolJs } from '#test/support/esptool-js.ts';

const BAUD = 921_600;
const ADDRESS = 0x10000;
const SIZE = 0x3e0000;

/**
 * An ESP32 with an application that fills its 4 MiB, at 921,600 baud, in modelled time: Flashline, the same unit again, and
 * Espressif's esptool-js on a simulated unit of its own; with the stub, and by the ROM loader uncompressed.
 */
export async function measureEspSerial(size = SIZE) {
  const image = espImage(0, firmware(size - 0x100, 11));
  const images = [imageOf('application', ADDRESS, image)];
  const line = new EspLine();
  const busy = new BusyMeter(line);
  const full = await runEsp(line, images);
  const lineBusy = busy.ms / full.ms;
  const again = await runEsp(line, images);
  const theirs = await esptoolJs(image, true);
  const rom = await esptoolJs(image, false);
  return {
    fullSeconds: full.ms / 1000,
    lineBusyPercent: lineBusy * 100,
    lineBusyWhileProgrammingPercent: (busy.ms / full.programMs) * 100,
    bytesOnTheLine: busy.bytes,
    imageBytes: image.length,
    unchangedSeconds: again.ms / 1000,
    unchangedPercent: (again.ms / full.ms) * 100,
    esptoolJsSeconds: theirs / 1000,
    againstEsptoolJs: full.ms / theirs,
    romUncompressedSeconds: rom / 1000,
    againstRomUncompressed: full.ms / rom,
  };
}

/** How long the wire to the unit carried bits. */
class BusyMeter {
  ms = 0;
  bytes = 0;

  constructor(line: EspLine) {
    const plug = line.plug.bind(line);
    line.plug = (...given) => {
      const plugged = plug(...given);
      this.#watch(plugged.unit.device);
      line.plug = plug;
      return plugged;
    };
  }

  #watch(device: UartDevice): void {
    const receive = device.receive.bind(device);
    device.receive = (byte, at, format) => {
      this.bytes++;
      this.ms += 10_000 / format.baudRate;
      receive(byte, at, format);
    };
  }
}

/** From connecting to the last MD5, as its own example application does it; milliseconds. */
async function esptoolJs(image: Uint8Array, stub: boolean): Promise<number> {
  const line = new EspLine();
  const { link, unit } = line.plug();
  const began = unit.clock.monotonic();
  const md5 = (bytes: Uint8Array) => createHash('md5').update(bytes).digest('hex');
  await withEsptoolJs(link, unit.clock, BAUD, async (loader) => {
    if (stub) await loader.main();
    else await withoutStub(loader);
    await loader.writeFlash({
      fileArray: [{ data: image, address: ADDRESS }],
      flashMode: 'keep',
      flashFreq: 'keep',
      flashSize: 'keep',
      eraseAll: false,
      compress: stub,
      ...(stub ? { calculateMD5Hash: md5 } : {}),
    });
    await loader.after('hard_reset');
  });
  return unit.clock.monotonic() - began;
}

async function withoutStub(loader: ESPLoader): Promise<void> {
  await loader.detectChip();
  await loader.changeBaud();
  loader.FLASH_WRITE_SIZE = 0x400;
  await loader.flashSpiAttach(0);
}
