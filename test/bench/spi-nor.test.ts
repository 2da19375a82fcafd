import { describe, expect, it } from 'vitest';
import { SERPROG_ADAPTERS } from '#main/bench/spi/spi-bench.ts';
import { filesystem, newSpiBench, runNor } from './nor-run.ts';

const bytesOf = (release: ReturnType<typeof filesystem>) => release.image.segments[0]?.data ?? new Uint8Array();

describe('a NOR flash on a serprog adapter', () => {
  it.each(['usb', 'tcp', 'uart'] as const)('gets a release and proves it by reading back, by %s', async (name) => {
    const bench = newSpiBench();
    const size = name === 'uart' ? 20_000 : 200_000;
    const release = filesystem(size, 1, 0x1000);
    const { identity, outcome, serprog } = await runNor(bench, 'A', [release], { adapter: SERPROG_ADAPTERS[name] });
    expect(identity.uid).toMatch(/^[0-9a-f]{16}$/u);
    expect(outcome.bytesWritten).toBe(size);
    expect(bench.boardFor('w25q128jv', 'A').nor.cells.peek(0x1000, size)).toEqual(bytesOf(release));
    expect(serprog.counts.lost).toBe(0);
  });
});
