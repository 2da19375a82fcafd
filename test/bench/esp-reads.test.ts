import { describe, expect, it } from 'vitest';
import { equalBytes } from '#shared/base/bytes.ts';
import { type NorFaults, SLOW_READS } from '#main/bench/uart/esp/nor-flash.ts';
import { espImage, EspLine, firmware } from '#test/support/esp-unit.ts';
import { imageOf, runEsp } from './esp-run.ts';

const KIB = 1024;
/** Of an image's header, byte 3: 4 MiB, and the code of its flash's clock. */
const CLOCKS = { '40 MHz': 0x20, '20 MHz': 0x22, '80 MHz': 0x2f };

/** Byte 2. */
const MODES = { QIO: 0, DIO: 2 };

function application(clock: keyof typeof CLOCKS, seed = 5, mode: keyof typeof MODES = 'DIO') {
  const image = espImage(0, firmware(96 * KIB, seed));
  image[2] = MODES[mode];
  image[3] = CLOCKS[clock];
  return imageOf('application', 0x10000, image);
}

/** Rates that it was read at, those that it was written at, and on how many lines it was read. */
function watch(line: EspLine) {
  line.plug();
  const { flash } = line.unit;
  const read = new Set<number>();
  const lines = new Set<number>();
  const changed = new Set<number>();
  for (const name of ['erase', 'program'] as const) {
    const plain: (...given: never[]) => number = flash[name].bind(flash);
    flash[name] = (...given: never[]) => {
      changed.add(flash.bus.mhz);
      return plain(...given);
    };
  }
  const plain = flash.read.bind(flash);
  flash.read = (...given) => {
    read.add(flash.bus.mhz);
    lines.add(flash.bus.lines);
    return plain(...given);
  };
  return { read, changed, lines };
}

async function rewritten(
  clock: keyof typeof CLOCKS,
  faults: NorFaults = {},
  mode: keyof typeof MODES = 'DIO',
  quad = false,
) {
  const line = new EspLine('esp32', { flashFaults: faults });
  const rates = watch(line);
  line.unit.flash.quadEnabled = quad;
  await runEsp(line, [application(clock, 5, mode)]);
  const again = await runEsp(line, [application(clock, 5, mode)]);
  const newer = application(clock, 6, mode);
  const changed = await runEsp(line, [newer]);
  line.unit.flash.settle(Infinity);
  for (const { address, data } of newer.image.segments)
    expect(equalBytes(line.unit.flash.bytes.subarray(address, address + data.length), data)).toBe(true);
  expect(again.outcome.bytesWritten).toBe(0);
  expect(changed.outcome.provenBy).toEqual({ application: 'md5' });
  return { ...rates, line, ms: again.ms };
}

describe('an ESP32 whose digests are made', () => {
  it('reads as fast as its image says that the board can, and is written as the stub does', async () => {
    const fast = await rewritten('40 MHz');
    expect(fast.read).toEqual(new Set([20, 40]));
    expect(fast.changed).toEqual(new Set([20]));
    const slow = await rewritten('20 MHz');
    expect([...slow.read]).toEqual([20]);
    expect(fast.ms).toBeLessThan(slow.ms - 14);
  });

  it('reads at 80 MHz where that is said, on four lines where its flash has them', async () => {
    const dual = await rewritten('80 MHz');
    expect([...dual.read]).toEqual([20, 80]);
    expect([...dual.lines]).toEqual([1, 2]);
    const quad = await rewritten('80 MHz', {}, 'QIO', true);
    expect([...quad.read]).toEqual([20, 80]);
    expect([...quad.lines]).toEqual([1, 4]);
    // Its boot loader was never there to switch four lines on.
    const fresh = await rewritten('80 MHz', {}, 'QIO');
    expect([...fresh.lines]).toEqual([1, 4, 2]);
    expect(quad.changed).toEqual(new Set([20]));
    for (const each of [dual, quad, fresh]) expect(each.line.unit.flash.bus).toEqual(SLOW_READS);
  });

  it('finds out by how much data comes late, and the rate that a board bears', async () => {
    const direct = await rewritten('80 MHz', { directPins: true });
    expect([...direct.read]).toEqual([20, 80]);
    const bad = await rewritten('80 MHz', { readsUpToMhz: 40 }, 'QIO', true);
    expect([...bad.read]).toEqual([20, 80, 40]);
    expect([...bad.lines]).toEqual([1, 4, 2]);
  });

  it('reads as all images of a release say', async () => {
    const line = new EspLine('esp32');
    const { read } = watch(line);
    const loader = espImage(0, firmware(16 * KIB, 3));
    loader[3] = CLOCKS['40 MHz'];
    const images = [imageOf('bootloader', 0x1000, loader), application('80 MHz')];
    for (let times = 0; times < 2; times++) await runEsp(line, images);
    expect([...read]).toEqual([20, 40]);
  });

  it('is read slowly where fast reads tell something else: the unit is no worse for it', async () => {
    const { read, changed, line } = await rewritten('40 MHz', { readsUpToMhz: 26 });
    expect(read).toEqual(new Set([20, 40]));
    expect(changed).toEqual(new Set([20]));
    expect(line.unit.flash.bus).toEqual(SLOW_READS);
  });

  it('reads other chips as their stubs do', async () => {
    const line = new EspLine('esp32-c3');
    const { read } = watch(line);
    await runEsp(line, [imageOf('application', 0x10000, espImage(5, firmware(64 * KIB, 1)))]);
    expect([...read]).toEqual([20]);
  });

  it('whose flash is used, erases ahead of what is written and takes no longer than a blank one but for that', async () => {
    const used = new EspLine();
    used.plug();
    used.unit.flash.bytes.fill(0x5a);
    const blank = new EspLine();
    const whole = imageOf('application', 0x10000, espImage(0, firmware(512 * KIB, 9)));
    const [slower, faster] = [await runEsp(used, [whole]), await runEsp(blank, [whole])];
    // Eight blocks and a cleared sector at 150 and 45 ms: most of that while data is on its way.
    expect(slower.ms - faster.ms).toBeLessThan(600);
  });
});
