import { describe, expect, it } from 'vitest';
import { concat, equalBytes } from '#shared/base/bytes.ts';
import { type NorFaults, SLOW_READS } from '#main/bench/uart/esp/nor-flash.ts';
import type { SerialBenchLink } from '#main/bench/uart/serial-bench-link.ts';
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
  it('reads at 80 MHz where its image has the default of 40, and is written as the stub does', async () => {
    const fast = await rewritten('40 MHz');
    expect(fast.read).toEqual(new Set([20, 80]));
    expect(fast.lines).toEqual(new Set([1, 2]));
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
    for (const mhz of [40, 79]) {
      const said = await rewritten('40 MHz', { readsUpToMhz: mhz });
      expect([...said.read]).toEqual([20, 80, 40]);
      expect(said.line.unit.flash.bus).toEqual(SLOW_READS);
    }
    const bad = await rewritten('80 MHz', { readsUpToMhz: 40 }, 'QIO', true);
    expect([...bad.read]).toEqual([20, 80, 40]);
    expect([...bad.lines]).toEqual([1, 4, 2]);
  });

  it('reads as all images of a release say', async () => {
    for (const [clock, rates] of [
      ['40 MHz', [20, 80]],
      ['20 MHz', [20]],
    ] as const) {
      const line = new EspLine('esp32');
      const { read } = watch(line);
      const loader = espImage(0, firmware(16 * KIB, 3));
      loader[3] = CLOCKS[clock];
      const images = [imageOf('bootloader', 0x1000, loader), application('80 MHz')];
      for (let times = 0; times < 2; times++) await runEsp(line, images);
      expect([...read]).toEqual(rates);
    }
  });

  it('is read slowly where fast reads tell something else: the unit is no worse for it', async () => {
    const { read, changed, line } = await rewritten('40 MHz', { readsUpToMhz: 26 });
    expect([...read]).toEqual([20, 80, 40]);
    expect(changed).toEqual(new Set([20]));
    expect(line.unit.flash.bus).toEqual(SLOW_READS);
  });

  describe.each([40, 20])('whose board errs in one place above %d MHz, where the trial is not', (aboveMhz) => {
    const loader = imageOf('bootloader', 0x1000, espImage(0, firmware(16 * KIB, 3)));
    const released = (seed: number) => [loader, application('40 MHz', seed)];
    const held = async (at: number) => {
      const line = new EspLine('esp32', { flashFaults: { misreads: { aboveMhz, at } } });
      await runEsp(line, released(5));
      return { line, ...watch(line) };
    };

    it.each([
      ['of its boot loader', 0x3123],
      ['of its application', 0x24567],
    ])('is left untouched by a release that it holds, where that place is %s', async (_words, at) => {
      const { line, read } = await held(at);
      const { operations } = line.unit.flash;
      const { outcome } = await runEsp(line, released(5));
      expect(outcome.bytesWritten).toBe(0);
      expect(outcome.provenBy).toEqual({ bootloader: 'md5', application: 'md5' });
      expect(line.unit.flash.operations).toBe(operations);
      // There is nothing behind the application that would be read any more.
      expect([...read]).toEqual(at < 0x10000 ? [20, 80, 40] : [20, 80]);
    });

    it.each([
      ['beside', 0x26fff],
      ['in', 0x27800],
    ])('has written what is other, %s that place, and nothing else', async (_words, at) => {
      const { line } = await held(at);
      const spoiled = 0x27800;
      line.unit.flash.bytes[spoiled] = 0x00;
      const { outcome } = await runEsp(line, released(5));
      // The page, and the valid flag's.
      expect(outcome.bytesWritten).toBe(2 * 4 * KIB);
      const [{ address, data } = expect.unreachable()] = application('40 MHz', 5).image.segments;
      line.unit.flash.settle(Infinity);
      expect(equalBytes(line.unit.flash.bytes.subarray(address, address + data.length), data)).toBe(true);
    });

    it('is proven by digests once it was written over that place', async () => {
      const { line } = await held(0x24567);
      const { outcome } = await runEsp(line, released(6));
      expect(outcome.provenBy).toEqual({ bootloader: 'md5', application: 'md5' });
    });
  });

  it('is told right whichever question of a survey is lost, where its parts are all alike', async () => {
    const part = firmware(64 * KIB, 8);
    const image = imageOf('manufacturing', 0x10000, concat([part, part, part, part, part]));
    const line = new EspLine();
    await runEsp(line, [image]);
    const holding = line.unit.flash.bytes.slice();
    const MD5 = 0x13;
    for (let lost = 0; lost < 8; lost++) {
      line.unit.flash.bytes.set(holding);
      line.unit.flash.bytes[0x2a000] = 0x00;
      let asked = 0;
      const onLink = (link: SerialBenchLink) => {
        const write = link.write.bind(link);
        link.write = (data, io) => {
          const begins = data.indexOf(0xc0);
          const isLost = data[begins + 2] === MD5 && asked++ === lost;
          return write(isLost ? data.slice(0, begins) : data, io);
        };
      };
      const { outcome, reach } = await runEsp(line, [image], { onLink });
      expect(reach).toMatchObject({ usedHz: 460_800 });
      expect(outcome.bytesWritten).toBe(4 * KIB);
      line.unit.flash.settle(Infinity);
      expect(equalBytes(line.unit.flash.bytes, holding)).toBe(true);
    }
  });

  it('is asked no faster than it hears where the adapter brings answers together', async () => {
    const line = new EspLine('esp32-c3');
    const image = imageOf('application', 0x10000, espImage(5, firmware(96 * KIB, 8)));
    await runEsp(line, [image]);
    line.unit.flash.settle(Infinity);
    line.unit.flash.bytes[0x1a000] = 0x00;
    const onLink = (link: SerialBenchLink) => {
      const read = link.read.bind(link);
      // FT232R data sheet, 4.3: its latency timer as it is when nobody sets it.
      link.read = async (timeoutMs, io) => {
        await io.clock.sleep(16);
        return read(timeoutMs, io);
      };
    };
    const { outcome, reach } = await runEsp(line, [image], { onLink });
    expect(reach).toMatchObject({ usedHz: 921_600 });
    expect(outcome.bytesWritten).toBe(2 * 4 * KIB);
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
