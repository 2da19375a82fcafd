import { describe, expect, it } from 'vitest';
import { STRATEGIES, strategyNamed } from '#main/programmer/stm32-uart/entry.ts';

describe('entry strategies', () => {
  it.each(Object.entries(STRATEGIES).filter(([name]) => name !== 'none'))(
    '%s has BOOT0 before NRST rises, keeps it, and takes it away for the firmware’s reset',
    (name, { enter, leave }) => {
      const [bootLine, resetLine] = /(?:not-)?dtr-boot/u.test(name)
        ? (['dtr', 'rts'] as const)
        : (['rts', 'dtr'] as const);
      const asserted = !name.startsWith('not-');
      const seen = [...enter, ...leave].map(({ lines }) => ({
        boot: lines[bootLine] === asserted,
        reset: lines[resetLine],
      }));
      expect(seen).toEqual([
        { boot: true, reset: true },
        { boot: true, reset: false },
        { boot: false, reset: true },
        { boot: false, reset: false },
      ]);
    },
  );

  it('are only those that there are', () => {
    expect(strategyNamed('constructor')).toBeUndefined();
    expect(strategyNamed('none')).toEqual({ enter: [], leave: [] });
  });
});
