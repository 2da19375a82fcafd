import { describe, expect, it } from 'vitest';
import { chipBy, ChipDescription, debugChip, flashMemories, hasInterface } from '#shared/model/chip.ts';
import { FlashlineError } from '#shared/model/failure.ts';

const memory = {
  kind: 'flash',
  name: 'flash',
  start: 0,
  size: 4096,
  page: 256,
  word: 4,
  erased: 255,
  eraseMs: 1,
  wordUs: 1,
};
const base = { schema: 1, id: 'part', name: 'Part', source: 'none', memories: [memory] };

describe('a chip by its interfaces', () => {
  const both = ChipDescription.parse({
    ...base,
    spi: { kind: 'nor', maxHz: 1, memories: [{ ...memory, word: 256 }] },
    i2c: { kind: 'atecc', revisions: [1] },
  });

  it('shows the memory as the interface has it, and as it is where the interface says nothing', () => {
    expect(flashMemories(chipBy(both, 'spi'))).toMatchObject([{ word: 256 }]);
    expect(chipBy(both, 'i2c')).toEqual(both);
    expect(chipBy(both, 'swd')).toEqual(both);
  });

  it('has the interfaces that are described, and no debug port without all that a probe must know', () => {
    expect(hasInterface(both, 'spi')).toBe(true);
    expect(hasInterface(both, 'dfu')).toBe(false);
    expect(hasInterface(both, 'swd')).toBe(false);
    expect(() => debugChip(both, 'jtag')).toThrow(FlashlineError);
    const probed = ChipDescription.parse({
      ...base,
      core: 'cortex-m0',
      swd: { maxHz: 1 },
      controller: { kind: 'some', base: 0 },
      boot: { vectors: 0 },
    });
    expect(hasInterface(probed, 'swd')).toBe(true);
    expect(debugChip(probed)).toBe(probed);
    const { controller: _, ...half } = probed;
    expect(hasInterface(half, 'swd')).toBe(false);
  });
});
