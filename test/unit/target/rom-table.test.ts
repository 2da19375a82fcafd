import * as fc from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { componentName } from '#main/target/coresight-parts.ts';
import { ARM, ST } from '#main/target/manufacturers.ts';
import { type Component, readComponents } from '#main/target/rom-table.ts';
import { ComponentMemory, entry, type ModelComponent } from './component-memory.ts';

const io: IoContext = {
  clock: { now: () => 0, monotonic: () => 0, sleep: () => Promise.resolve() },
  signal: new AbortController().signal,
};

const CHIP = 0xf000_0000;
const CORE = 0xe00f_f000;
/** An STM32L072, from the scan that Black Magic Probe's pull request 507 shows; its last entry is not present. */
const STM32L072: Readonly<Record<number, ModelComponent>> = {
  [CHIP]: { class: 1, pidr: 0x00_000a_0447n, words: [entry(CHIP, CORE), 0x0020_0002] },
  [CORE]: {
    class: 1,
    pidr: 0x04_000b_b4c0n,
    words: [entry(CORE, 0xe000_e000), entry(CORE, 0xe000_1000), entry(CORE, 0xe000_2000)],
  },
  0xe000_e000: { class: 14, pidr: 0x04_000b_b008n },
  0xe000_1000: { class: 14, pidr: 0x04_000b_b00an },
  0xe000_2000: { class: 14, pidr: 0x04_000b_b00bn },
};

function named({ address, id, entries }: Component): unknown {
  return [address, id && (componentName(id) ?? `${id.designer}/${id.part.toString(16)}`), ...entries.map(named)];
}

describe('ROM tables', () => {
  it('lead through the tables of a real part, and name its components', async () => {
    const root = await readComponents(new ComponentMemory(STM32L072).read, CHIP, io);
    expect(root.id).toMatchObject({ class: 'rom-table', designer: ST, part: 0x447 });
    expect(named(root)).toEqual([
      CHIP,
      `${ST}/447`,
      [
        CORE,
        'ROM table (Cortex-M0+)',
        [0xe000_e000, 'SCS (Cortex-M0)'],
        [0xe000_1000, 'DWT (Cortex-M0)'],
        [0xe000_2000, 'BPU (Cortex-M0)'],
      ],
    ]);
  });

  it('leave what does not answer without a name, and go on behind it', async () => {
    const { [0xe000_1000]: _, ...without } = STM32L072;
    const root = await readComponents(new ComponentMemory(without).read, CORE, io);
    expect(root.entries.map(({ id }) => id?.part)).toEqual([0x008, undefined, 0x00b]);
  });

  it.each([0, 1])('of class 9 are told by DEVARCH, with entries of format %i and some left out', async (format) => {
    const DEVARCH_ROM = 0x4770_0af7;
    const wide = (word: number) => (format === 1 ? [word, 0] : [word]);
    const memory = new ComponentMemory({
      0x1000: {
        class: 9,
        pidr: 0x04_000b_b4c9n,
        devarch: DEVARCH_ROM,
        devid: format,
        words: [...wide(entry(0x1000, 0x3000)), ...wide(0x0000_7002), ...wide(entry(0x1000, 0x2000)), ...wide(0)],
      },
      0x2000: { class: 9, pidr: 0x04_000b_bd21n, devarch: 0x4770_2a04 },
      0x3000: { class: 9, pidr: 0x04_000b_bd21n, devarch: 0x4770_1a02 },
    });
    expect(named(await readComponents(memory.read, 0x1000, io))).toEqual([
      0x1000,
      'ROM table',
      [0x3000, 'DWT'],
      [0x2000, 'SCS'],
    ]);
    expect(ARM).toBe(0x23b);
  });

  it('end, whatever their entries say: loops, themselves, tables without an end', async () => {
    const pages = fc.array(fc.array(fc.nat(20), { maxLength: 40 }), { minLength: 1, maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(pages, async (tables) => {
        const at = (index: number) => index * 0x1000;
        const memory = new ComponentMemory(
          Object.fromEntries(
            tables.map((targets, index) => [
              at(index),
              { class: 1, pidr: 0n, words: targets.map((to) => entry(at(index), at(to))) },
            ]),
          ),
        );
        const seen = new Set<number>();
        const walk = ({ address, entries }: Component): void => {
          expect(seen.has(address)).toBe(false);
          seen.add(address);
          entries.forEach(walk);
        };
        walk(await readComponents(memory.read, 0, io));
      }),
    );
    const endless = Array.from({ length: 960 }, (_, index) => entry(0, (index + 1) * 0x1000));
    const huge = new ComponentMemory({ 0: { class: 1, pidr: 0n, words: endless } });
    const root = await readComponents(huge.read, 0, io);
    expect(root.entries.length).toBeLessThanOrEqual(128);
  });

  it('stop at once when the probe is gone', async () => {
    const lost = () => Promise.reject(new FlashlineError('probe-lost', { params: { url: 'x' } }));
    await expect(readComponents(lost, 0, io)).rejects.toMatchObject({ failure: { code: 'probe-lost' } });
  });
});
