import { espImage, EspLine, firmware } from '#test/support/esp-unit.ts';
import { newBench, runUnit, type RunResult, shippedChip } from '../bench/bench-run.ts';
import { imageOf, runEsp } from '../bench/esp-run.ts';
import { image, noise } from '../bench/releases.ts';

const KIB = 1024;

/** So many bytes as an image that the ROM starts: header, checksum and hash take some. */
const startable = (size: number, seed: number) => espImage(0, firmware(size - 96, seed));

function ratio(four: number, one: number): object {
  return { fourImagesMs: four, oneImageMs: one, fourToOne: four / one };
}

/** Boot loader, application, file system and settings, and all of that as one image, over the same addresses. */
async function bySwd(id: string, base: number, kib: number): Promise<object> {
  const all = noise(kib * KIB, 3);
  const cut = (from: number, to: number) => ({ address: base + from * KIB, data: all.subarray(from * KIB, to * KIB) });
  const timed = async (images: Parameters<typeof runUnit>[2]) => {
    const { ms }: RunResult = await runUnit(newBench(), 'A', images, { chip: shippedChip(id) });
    return ms.connect + ms.identify + ms.survey + ms.carryOut + ms.start;
  };
  const four = await timed([
    image('bootloader', cut(0, 24)),
    image('application', cut(24, kib / 2)),
    image('filesystem', cut(kib / 2, kib - 24)),
    image('manufacturing', cut(kib - 24, kib)),
  ]);
  return ratio(four, await timed([image('application', cut(0, kib))]));
}

/** At 921,600 baud. Below the first block of 64 KiB sectors are erased one by one, whichever image they belong to. */
async function espByUart(): Promise<object> {
  const four = await runEsp(new EspLine(), [
    imageOf('bootloader', 0x1000, startable(28 * KIB, 1)),
    imageOf('manufacturing', 0x8000, firmware(32 * KIB, 3)),
    imageOf('application', 0x10000, startable(1024 * KIB, 2)),
    imageOf('filesystem', 0x110000, firmware(452 * KIB, 4)),
  ]);
  const one = await runEsp(new EspLine(), [imageOf('filesystem', 0x1000, firmware(1536 * KIB, 2))]);
  return ratio(four.ms, one.ms);
}

/** What four images cost beside one of the same size, from power-up to the unit's start; virtual time: the same every time. */
export async function measureFourImages(): Promise<object> {
  return {
    rp2040: await bySwd('rp2040', 0x10000000, 1536),
    nrf52840: await bySwd('nrf52840', 0, 768),
    esp32: await espByUart(),
  };
}
