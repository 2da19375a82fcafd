import * as fc from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import type { Clock, IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { Adi } from '#main/target/adi.ts';
import { MemAp } from '#main/target/mem-ap.ts';
import { BASE, ModelPort } from './model-port.ts';

const SIZE = 0x2000;

class ManualClock implements Clock {
  ms = 0;
  now(): number {
    return this.ms;
  }
  monotonic(): number {
    return this.ms;
  }
  async sleep(ms: number): Promise<void> {
    this.ms += ms;
  }
}

async function open() {
  const port = new ModelPort(SIZE);
  const clock = new ManualClock();
  const io: IoContext = { clock, signal: new AbortController().signal };
  const adi = await Adi.connect(port, { protocol: 'swd', clockHz: 1_000_000 }, io);
  return { port, io, clock, memory: await MemAp.open(adi, 0, io) };
}

const range = fc.tuple(fc.nat(SIZE), fc.nat(SIZE)).map(([a, b]) => ({ from: Math.min(a, b), to: Math.max(a, b) }));
const noise = () => new FlashlineError('wire-noise', { params: { detail: 'test' } });

describe('reading and writing', () => {
  it('moves exactly the range, whatever its alignment, and never a narrower access than needed', async () => {
    await fc.assert(
      fc.asyncProperty(range, fc.integer(), async ({ from, to }, seed) => {
        const { port, io, memory } = await open();
        const before = port.bytes.map((_, index) => index * 31 + 7);
        port.bytes.set(before);
        const data = Uint8Array.from({ length: to - from }, (_, index) => seed + index * 13);
        await memory.write(BASE + from, data, io);
        expect(port.bytes.subarray(0, from)).toEqual(before.subarray(0, from));
        expect(port.bytes.subarray(to)).toEqual(before.subarray(to));
        expect(await memory.read(BASE + from, to - from, io)).toEqual(data);
        const narrow = port.accesses.filter(({ size }) => size < 4);
        expect(narrow.length).toBeLessThanOrEqual(2 * 4);
      }),
    );
  });

  it('reports bytes that grow to the length', async () => {
    const { io, memory } = await open();
    const length = 0x1003;
    for (const move of [
      (progress: (done: number) => void) => memory.read(BASE + 1, length, io, progress),
      (progress: (done: number) => void) => memory.write(BASE + 1, new Uint8Array(length), io, progress),
    ]) {
      const seen: number[] = [];
      await move((done) => seen.push(done));
      expect(seen).toEqual(seen.toSorted((a, b) => a - b));
      expect(seen.at(-1)).toBe(length);
    }
  });
});

describe('wire noise', () => {
  it('has a read repeated with everything set up anew', async () => {
    const { port, io, memory } = await open();
    port.bytes.set([1, 2, 3, 4, 5, 6, 7, 8]);
    let bad = 3;
    port.fail = () => (bad-- > 0 ? noise() : undefined);
    expect(await memory.read(BASE, 8, io)).toEqual(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
  });

  it('is told when it does not end', async () => {
    const { port, io, memory } = await open();
    port.fail = noise;
    await expect(memory.readWord(BASE, io)).rejects.toMatchObject({ failure: { code: 'wire-noise' } });
  });

  it('does not repeat a write: a register might act twice', async () => {
    const { port, io, memory } = await open();
    let asked = 0;
    port.fail = () => (asked++ === 0 ? noise() : undefined);
    await expect(memory.writeWord(BASE, 7, io)).rejects.toMatchObject({ failure: { code: 'wire-noise' } });
    expect(asked).toBe(1);
    await memory.writeWord(BASE, 7, io);
    expect(port.bytes[0]).toBe(7);
  });
});

describe('a bus fault', () => {
  it('is told with an address inside the range', async () => {
    const { port, io, memory } = await open();
    let asked = 0;
    port.fail = () =>
      asked++ === 0 ? new FlashlineError('target-fault', { params: { address: 'debug port' } }) : undefined;
    await expect(memory.read(BASE + 0x40, 16, io)).rejects.toMatchObject({
      failure: { code: 'target-fault', where: { address: BASE + 0x40 }, params: { address: '0x20000040' } },
    });
  });
});

describe('waiting for a word', () => {
  it('polls one address that stands still', async () => {
    const { port, io, memory } = await open();
    port.pollsUntilMatch = 3;
    await memory.waitForWord(BASE + 8, 1, 1, 1000, io);
    expect(port.polls).toHaveLength(4);
    expect(port.polls.every(({ address, increment }) => address === BASE + 8 && !increment)).toBe(true);
    await memory.write(BASE, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8), io);
    expect(port.bytes.subarray(0, 8)).toEqual(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
  });

  it('has a deadline on the context’s clock', async () => {
    const { port, io, clock, memory } = await open();
    port.pollsUntilMatch = Number.POSITIVE_INFINITY;
    await expect(memory.waitForWord(BASE, 1, 1, 400, io)).rejects.toMatchObject({
      failure: { code: 'flash-timeout', params: { address: '0x20000000', seconds: '0.4' } },
    });
    expect(clock.ms).toBeLessThan(600);
  });
});
