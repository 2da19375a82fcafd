import * as fc from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import type { IoContext } from '#shared/base/clock.ts';
import { concat } from '#shared/base/bytes.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import {
  DELAYING_SERPROG,
  SerprogDevice,
  type SerprogProfile,
  USB_SERPROG,
  UART_SERPROG,
} from '#main/bench/spi/serprog-device.ts';
import { VirtualClock } from '#main/bench/virtual-clock.ts';
import type { Link } from '#main/link/link.ts';
import { openSerprog } from '#main/probe/serprog/serprog.ts';

const NIGHTLY = process.env['FLASHLINE_NIGHTLY'] !== undefined;
const RUNS = NIGHTLY ? 100_000 : 2000;

/** A link that answers by a function of ours; what was written is kept. */
class FakeLink implements Link {
  readonly kind = 'stream';
  readonly url = 'spi:serprog:fake';
  readonly written: Uint8Array[] = [];
  closed = false;
  readonly #clock: VirtualClock;
  readonly #answer: (data: Uint8Array) => Uint8Array;
  #arrived: Uint8Array[] = [];

  constructor(clock: VirtualClock, answer: (data: Uint8Array) => Uint8Array, waiting: Uint8Array = new Uint8Array()) {
    this.#clock = clock;
    this.#answer = answer;
    if (waiting.length > 0) this.#arrived.push(waiting);
  }

  async write(data: Uint8Array): Promise<void> {
    this.written.push(data);
    const answer = this.#answer(data);
    if (answer.length > 0) this.#arrived.push(answer);
  }

  async read(timeoutMs: number): Promise<Uint8Array> {
    const all = concat(this.#arrived.splice(0));
    if (all.length > 0) return all;
    this.#clock.advance(timeoutMs * 1_000_000);
    throw new FlashlineError('probe-silent', { params: { url: this.url, seconds: timeoutMs / 1000 } });
  }

  async close(): Promise<void> {
    this.closed = true;
  }
}

/** Puts out what it is given, a byte later. */
const ECHO = { last: 0, select: () => undefined, deselect: () => undefined };
function echo() {
  return {
    ...ECHO,
    exchange(mosi: number) {
      const before = this.last;
      this.last = mosi;
      return before;
    },
    powerCycle: () => undefined,
    powerCut: () => undefined,
  };
}

function adapter(profile: SerprogProfile) {
  let answers: Uint8Array[] = [];
  const device = new SerprogDevice(profile, echo(), (bytes) => answers.push(bytes));
  device.plugIn({});
  const answer = (data: Uint8Array) => {
    for (const byte of data) device.receive(byte, device.freeAt);
    const all = concat(answers);
    answers = [];
    return all;
  };
  return { device, answer };
}

function context() {
  const clock = new VirtualClock(0);
  const io: IoContext = { clock, signal: new AbortController().signal };
  return { clock, io };
}

describe('a serprog adapter', () => {
  it('is asked for what it can do, and gets its pins back', async () => {
    const { clock, io } = context();
    const link = new FakeLink(clock, adapter(USB_SERPROG).answer);
    const port = await openSerprog(link, io);
    expect(port.adapter?.product).toBe('bench-serprog');
    expect(port.limits).toEqual({ write: 0xffffff, read: 0xffffff });
    expect(await port.connect(10_000_000, io)).toBe(8_000_000);
    expect(await port.transfer([{ write: Uint8Array.of(1, 2, 3), read: 2 }], io)).toEqual([Uint8Array.of(3, 0)]);
    await port.close(io);
    expect(link.written.at(-1)).toEqual(Uint8Array.of(0x15, 0));
    expect(link.closed).toBe(true);
  });

  it.each([
    ['the rest of an answer', Uint8Array.of(6, 1, 2, 3, 0x15, 6, 6)],
    ['a pair that looks like the answer', Uint8Array.of(0x15, 6)],
    ['a boot loader’s greeting', new TextEncoder().encode('frser-duino ready\r\n')],
  ])('is brought into step although %s is waiting', async (_, waiting) => {
    const { clock, io } = context();
    const link = new FakeLink(clock, adapter(USB_SERPROG).answer, waiting);
    const port = await openSerprog(link, io);
    await port.connect(1_000_000, io);
    expect(await port.transfer([{ write: Uint8Array.of(9), read: 1 }], io)).toEqual([Uint8Array.of(9)]);
  });

  it('is brought into step in the middle of an operation', async () => {
    const { clock, io } = context();
    const { device, answer } = adapter(USB_SERPROG);
    // 4000 bytes announced, 2 sent.
    for (const byte of [0x13, 0xa0, 0x0f, 0, 0, 0, 0, 1, 2]) device.receive(byte, 0);
    const port = await openSerprog(new FakeLink(clock, answer), io);
    await port.connect(1_000_000, io);
    expect(await port.transfer([{ write: Uint8Array.of(9), read: 1 }], io)).toEqual([Uint8Array.of(9)]);
  });

  it('waits by itself where it can, and in its turn', async () => {
    const { clock, io } = context();
    const { device, answer } = adapter(DELAYING_SERPROG);
    const port = await openSerprog(new FakeLink(clock, answer), io);
    expect(port.delays).toBe(true);
    await port.connect(1_000_000, io);
    const begun = device.freeAt;
    const found = await port.transfer(
      [
        { write: Uint8Array.of(7), read: 0 },
        { write: Uint8Array.of(8), read: 1, beforeUs: 700 },
      ],
      io,
    );
    expect(found).toEqual([new Uint8Array(), Uint8Array.of(8)]);
    // Three bytes at a megahertz beside it, and five commands.
    expect(device.freeAt - begun).toBe(700_000 + 3 * 8000 + 5 * DELAYING_SERPROG.overheadUs * 1000);
    const { clock: other, io: otherIo } = context();
    const plain = await openSerprog(new FakeLink(other, adapter(USB_SERPROG).answer), otherIo);
    expect(plain.delays).toBe(false);
  });

  it('that refuses to wait is told of, and stays in step', async () => {
    const { clock, io } = context();
    const { answer } = adapter({ ...DELAYING_SERPROG, operationBuffer: 1 });
    const port = await openSerprog(new FakeLink(clock, answer), io);
    await port.connect(1_000_000, io);
    const waiting = port.transfer([{ write: Uint8Array.of(8), read: 1, beforeUs: 5 }], io);
    await expect(waiting).rejects.toMatchObject({ failure: { code: 'probe-protocol' } });
    expect(await port.transfer([{ write: Uint8Array.of(9), read: 1 }], io)).toEqual([Uint8Array.of(9)]);
  });

  it('gets operations only as far as its buffer goes, in order, whatever they are', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.uint8Array({ maxLength: 290 }), fc.integer({ min: 0, max: 300 })), { maxLength: 30 }),
        fc.constantFrom(USB_SERPROG, UART_SERPROG, DELAYING_SERPROG),
        async (list, profile) => {
          const { clock, io } = context();
          const { device, answer } = adapter(profile);
          let most = 0;
          const link = new FakeLink(clock, (data) => {
            most = Math.max(most, data.length);
            return answer(data);
          });
          const port = await openSerprog(link, io);
          await port.connect(1_000_000, io);
          const found = await port.transfer(
            list.map(([write, read]) => ({ write, read, ...(port.delays ? { beforeUs: write.length * 10 } : {}) })),
            io,
          );
          expect(found.map(({ length }) => length)).toEqual(list.map(([, read]) => read));
          // The chip puts out what it was last given: of an operation that wrote, its own last byte.
          const told = list.map(([write, read], index) => (write.length > 0 && read > 0 ? found[index]?.[0] : null));
          const given = list.map(([write, read]) => (write.length > 0 && read > 0 ? write.at(-1) : null));
          expect(told).toEqual(given);
          expect(device.counts.lost).toBe(0);
          expect(most).toBeLessThanOrEqual(Math.max(profile.buffer, 297));
          const waits = port.delays ? list.filter(([write]) => write.length > 0).length : 0;
          expect(device.counts.delays).toBe(waits);
        },
      ),
      { numRuns: NIGHTLY ? 5000 : 200 },
    );
  });

  it.each([
    ['another version', { 0x01: [6, 2, 0] }, 'probe-protocol'],
    ['no SPI bus', { 0x05: [6, 1] }, 'probe-unsuited'],
    ['no SPI operation', { 0x02: [6, ...Array.from({ length: 32 }, () => 0)] }, 'probe-unsuited'],
    ['a refusal', { 0x02: [0x15] }, 'probe-protocol'],
  ])('is refused for %s, and closed', async (_, instead, code) => {
    const { clock, io } = context();
    const { answer } = adapter(USB_SERPROG);
    const given: Record<number, readonly number[]> = instead;
    const link = new FakeLink(clock, (data) => {
      const own = data.length === 1 ? given[data[0] ?? 0] : undefined;
      return own ? Uint8Array.from(own) : answer(data);
    });
    await expect(openSerprog(link, io)).rejects.toMatchObject({ failure: { code } });
    expect(link.closed).toBe(true);
  });

  it('that says nothing is called silent, in its time', async () => {
    const { clock, io } = context();
    const link = new FakeLink(clock, () => new Uint8Array());
    await expect(openSerprog(link, io)).rejects.toMatchObject({ failure: { code: 'probe-silent' } });
    expect(clock.monotonic()).toBeLessThan(10_000);
  });

  it('that answers anything at all is never waited for for ever, and never crashes us', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 20 }), async (noise) => {
        const { clock, io } = context();
        let next = 0;
        const until = clock.monotonic() + 30_000;
        const link = new FakeLink(clock, () => noise[next++ % noise.length] ?? new Uint8Array());
        try {
          const port = await openSerprog(link, io);
          await port.connect(1_000_000, io);
          await port.transfer([{ write: Uint8Array.of(0x9f), read: 3 }], io);
        } catch (error) {
          if (!(error instanceof FlashlineError)) throw error;
          const allowed: readonly string[] = ['probe-protocol', 'probe-silent', 'probe-unsuited'];
          if (!allowed.includes(error.failure.code)) throw error;
        }
        expect(clock.monotonic()).toBeLessThan(until);
      }),
      { numRuns: RUNS },
    );
  });
});
