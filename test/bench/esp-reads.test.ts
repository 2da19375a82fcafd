import { describe, expect, it } from 'vitest';
import { equalBytes } from '#shared/base/bytes.ts';
import { type NorFaults, SLOW_READS } from '#main/bench/uart/esp/nor-flash.ts';
import { espImage, EspLine, firmware } from '#test/support/esp-unit.ts';
import { imageOf, runEsp } from './esp-run.ts';

const KIB = 1024;
/** Of an image's header, byte 3: 4 MiB, and the code of its flash's clock. */
const CLOCKS = { '40 MHz': 0x20, '20 MHz': 0x22, '80 MHz': 0x2f };

function application(clock: keyof typeof CLOCKS, seed = 5) {
  const image = espImage(0, firmware(96 * KIB, seed));
  image[3] = CLOCKS[clock];
  return imageOf('application', 0x10000, image);
}

/** Rates that it was read at, and those that it was written at. */
function watch(line: EspLine) {
  line.plug();
  const { flash } = line.unit;
  const read = new Set<number>();
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
    return plain(...given);
  };
  return { read, changed };
}

async function rewritten(clock: keyof typeof CLOCKS, faults: NorFaults = {}) {
  const line = new EspLine('esp32', { flashFaults: faults });
  const rates = watch(line);
  await runEsp(line, [application(clock)]);
  const again = await runEsp(line, [application(clock)]);
  const newer = application(clock, 6);
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
    expect(fast.ms).toBeLessThan(slow.ms - 15);
  });

  it('never reads faster than at 40 MHz', async () => {
    const { read } = await rewritten('80 MHz');
    expect(Math.max(...read)).toBe(40);
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
