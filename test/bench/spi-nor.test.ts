import { describe, expect, it } from 'vitest';
import { SERPROG_ADAPTERS } from '#main/bench/spi/spi-bench.ts';
import { filesystem, newSpiBench, openNor, runNor } from './nor-run.ts';

const bytesOf = (release: ReturnType<typeof filesystem>) => release.image.segments[0]?.data ?? new Uint8Array();

describe('a NOR flash on a serprog adapter', () => {
  it.each(['usb', 'usbDelaying', 'tcp', 'uart'] as const)(
    'gets a release and proves it by reading back, by %s',
    async (name) => {
      const bench = newSpiBench();
      const size = name === 'uart' ? 20_000 : 200_000;
      const release = filesystem(size, 1, 0x1000);
      const { identity, outcome, serprog } = await runNor(bench, 'A', [release], { adapter: SERPROG_ADAPTERS[name] });
      expect(identity.uid).toMatch(/^[0-9a-f]{16}$/u);
      expect(outcome.bytesWritten).toBe(size);
      expect(bench.boardFor('w25q128jv', 'A').nor.cells.peek(0x1000, size)).toEqual(bytesOf(release));
      expect(serprog.counts.lost).toBe(0);
    },
  );
});

describe('block protection', () => {
  it('is seen, is opened without losing anything, and keeps the other bits', async () => {
    const bench = newSpiBench();
    const { nor } = bench.boardFor('w25q128jv', 'A');
    nor.cells.preload(0x5000, Uint8Array.of(1, 2, 3));
    nor.sr1 = 0x2c;
    nor.sr2 = 0x42;
    const { unit, io } = await openNor(bench, 'A');
    expect((await unit.identify(io)).locks['block protection']).toBe('0x402C');
    expect(await unit.protection?.read(io)).toMatchObject({ locked: true });
    expect(await unit.protection?.unlock(io)).toEqual({ locked: false, observed: { 'block protection': 'none' } });
    expect([nor.sr1, nor.sr2]).toEqual([0x00, 0x02]);
    expect(nor.cells.peek(0x5000, 3)).toEqual(Uint8Array.of(1, 2, 3));
    await unit.close(io);
  });

  it('that cannot be cleared is told as that', async () => {
    const bench = newSpiBench();
    const { nor } = bench.boardFor('w25q128jv', 'A');
    nor.sr1 = 0x1c;
    const { unit, io } = await openNor(bench, 'A');
    nor.faults = { statusLocked: true };
    await expect(unit.protection?.unlock(io)).rejects.toMatchObject({ failure: { code: 'unlock-failed' } });
    expect(nor.sr1).toBe(0x1c);
  });
});
