import { createHash } from 'node:crypto';
import type { ESPLoader } from 'esptool-js';
import { concat } from '#shared/base/bytes.ts';
import type { UartDevice } from '#main/bench/uart/uart-device.ts';
import { imageOf, runEsp } from '#test/bench/esp-run.ts';
import { EspLine, espImage, firmware } from '#test/support/esp-unit.ts';
import { withEsptoolJs } from '#test/support/esptool-js.ts';

const BAUD = 921_600;
const ADDRESS = 0x10000;
const SIZE = 0x3e0000;

/** Of an image's header, bytes 2 and 3: four lines; 4 MiB, 80 MHz. */
const QIO_80 = [0, 0x2f] as const;
/** Behind an image, over all of it. */
const SHA256 = 32;
/** Of the application, in its middle. */
const CHANGED = 0x10000;

/**
 * An ESP32 with an application that fills its 4 MiB, at 921,600 baud, in modelled time: Flashline on a blank flash, again,
 * with 64 KiB of it changed, and on one that holds another firmware; and Espressif's esptool-js on simulated units of its own, with
 * the stub, and by the ROM loader uncompressed.
 */
export async function measureEspSerial(size = SIZE) {
  const image = espImage(0, firmware(size - 0x100, 11));
  const images = [imageOf('application', ADDRESS, image)];
  const line = new EspLine();
  const busy = new BusyMeter(line);
  const full = await runEsp(line, images, { onProgramming: (now) => busy.count(now) });
  const again = await runEsp(line, images);
  const changed = await runEsp(line, [imageOf('application', ADDRESS, withChange(image))]);
  const used = usedLine();
  const usedBusy = new BusyMeter(used);
  const overUsed = await runEsp(used, images, { onProgramming: (now) => usedBusy.count(now) });
  const theirs = await esptoolJs(new EspLine(), image, true);
  const theirsOverUsed = await esptoolJs(usedLine(), image, true);
  const rom = await esptoolJs(new EspLine(), image, false);
  const quad = await atQio80(image);
  return {
    fullSeconds: full.ms / 1000,
    lineBusyWhileProgrammingPercent: (busy.ms / full.programMs) * 100,
    bytesOnTheLine: busy.bytes,
    imageBytes: image.length,
    unchangedSeconds: again.ms / 1000,
    unchangedPercent: (again.ms / full.ms) * 100,
    changed64KSeconds: changed.ms / 1000,
    changed64KPercent: (changed.ms / full.ms) * 100,
    changed64KBytesWritten: changed.outcome.bytesWritten,
    qio80: quad,
    usedFlashSeconds: overUsed.ms / 1000,
    usedFlashLineBusyPercent: (usedBusy.ms / overUsed.programMs) * 100,
    esptoolJsSeconds: theirs / 1000,
    againstEsptoolJs: full.ms / theirs,
    esptoolJsUsedFlashSeconds: theirsOverUsed / 1000,
    againstEsptoolJsUsedFlash: overUsed.ms / theirsOverUsed,
    romUncompressedSeconds: rom / 1000,
    againstRomUncompressed: full.ms / rom,
  };
}

/** A board whose images say QIO at 80 MHz, as Arduino's do, and whose own boot loader has run before: its digests are read so. */
async function atQio80(image: Uint8Array): Promise<object> {
  const said = (bytes: Uint8Array) => {
    const whole = bytes.slice(0, -SHA256);
    whole.set(QIO_80, 2);
    return [imageOf('application', ADDRESS, concat([whole, createHash('sha256').update(whole).digest()]))];
  };
  const line = new EspLine();
  line.plug();
  line.unit.flash.quadEnabled = true;
  const full = await runEsp(line, said(image));
  const again = await runEsp(line, said(image));
  const changed = await runEsp(line, said(withChange(image)));
  return {
    fullSeconds: full.ms / 1000,
    unchangedPercent: (again.ms / full.ms) * 100,
    changed64KSeconds: changed.ms / 1000,
    changed64KPercent: (changed.ms / full.ms) * 100,
  };
}

/** A unit whose flash has no blank sector. */
function usedLine(): EspLine {
  const line = new EspLine();
  line.plug();
  line.unit.flash.bytes.fill(0x5a);
  return line;
}

/** The content of 64 KiB is another, and with it the checksum and the SHA-256 at the end. */
function withChange(image: Uint8Array): Uint8Array {
  const content = firmware(image.length, 12).subarray(0, CHANGED);
  const begins = 24 + 8;
  const at = Math.floor(image.length / 2 / CHANGED) * CHANGED;
  const body = image.slice(begins, image.length - 48);
  body.set(content, at - begins);
  return espImage(0, body.subarray(0, SIZE - 0x100));
}

/** How long the wire to the unit carried bits while data was programmed. */
class BusyMeter {
  ms = 0;
  bytes = 0;
  #counts = false;

  constructor(line: EspLine) {
    const plug = line.plug.bind(line);
    line.plug = (...given) => {
      const plugged = plug(...given);
      this.#watch(plugged.unit.device);
      line.plug = plug;
      return plugged;
    };
  }

  count(now: boolean): void {
    this.#counts = now;
  }

  #watch(device: UartDevice): void {
    const receive = device.receive.bind(device);
    device.receive = (byte, at, format) => {
      if (this.#counts) {
        this.bytes++;
        this.ms += 10_000 / format.baudRate;
      }
      receive(byte, at, format);
    };
  }
}

/** From connecting to the last MD5, as its own example application does it; milliseconds. */
async function esptoolJs(line: EspLine, image: Uint8Array, stub: boolean): Promise<number> {
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
