import * as fc from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { VirtualClock } from '#main/bench/virtual-clock.ts';
import type { SerialLink } from '#main/link/link.ts';
import { BootLoader } from '#main/programmer/stm32-uart/boot-loader.ts';

const ACK = 0x79;
const NACK = 0x1f;
const BUSY = 0x76;
const FORMAT = { baudRate: 115_200, parity: 'even' } as const;

/** Says these pieces, one a read, whatever is written; then nothing. */
class ScriptedLink implements SerialLink {
  readonly kind = 'stream';
  readonly url = 'uart:script';
  readonly written: number[] = [];
  readonly #pieces: Uint8Array[];
  readonly #clock: VirtualClock;

  constructor(pieces: readonly Uint8Array[], clock: VirtualClock) {
    this.#pieces = [...pieces];
    this.#clock = clock;
  }

  async write(data: Uint8Array): Promise<void> {
    this.written.push(...data);
  }

  async read(timeoutMs: number, io: IoContext): Promise<Uint8Array> {
    const next = this.#pieces.shift();
    if (next && next.length > 0) return next;
    await this.#clock.sleep(timeoutMs, io.signal);
    throw new FlashlineError('probe-silent', { params: { url: this.url, seconds: timeoutMs / 1000 } });
  }

  async setFormat(): Promise<void> {}
  async setLines(): Promise<void> {}
  async discard(): Promise<void> {}
  async close(): Promise<void> {}
}

function loaderThatHears(...pieces: readonly (readonly number[])[]) {
  const clock = new VirtualClock(0);
  const link = new ScriptedLink(
    pieces.map((piece) => Uint8Array.from(piece)),
    clock,
  );
  const io: IoContext = { clock, signal: new AbortController().signal };
  return { loader: new BootLoader(link, FORMAT), link, clock, io };
}

describe('the boot loader, as it is heard', () => {
  it('has a version and its commands, however the bytes are cut', async () => {
    const { loader, io } = loaderThatHears([ACK, 2], [0x31, 0x00], [0x44], [ACK]);
    expect(await loader.get(io)).toEqual({ version: 0x31, commands: [0x00, 0x44] });
  });

  it('is waited for while it says that it is busy, and no longer than its deadline', async () => {
    const patient = loaderThatHears([ACK], [ACK], [BUSY], [BUSY, BUSY], [ACK]);
    await patient.loader.write(0x0800_0000, Uint8Array.of(1), 1, patient.io);
    const endless = loaderThatHears([ACK], [ACK], [BUSY], [BUSY]);
    await expect(endless.loader.write(0x0800_0000, Uint8Array.of(1), 100, endless.io)).rejects.toThrow('flash-timeout');
    expect(endless.clock.monotonic()).toBeLessThan(3000);
  });

  it('is in sync when it refuses to be told again', async () => {
    const { loader, io, link } = loaderThatHears([], [NACK], [ACK, 0x31, 0, 0, ACK]);
    expect(await loader.sync(io)).toBeNull();
    expect(link.written).toEqual([0x7f, 0x7f, 0x01, 0xfe]);
  });

  it('is not what only repeats, talks, or is silent', async () => {
    const heard = async (...pieces: readonly (readonly number[])[]) => {
      const { loader, io } = loaderThatHears(...pieces);
      return loader.sync(io);
    };
    expect(await heard([0x7f])).toBe('7f');
    expect(await heard([0x62, 0x6f, 0x6f])).toBe('626f6f');
    // A log that happens to hold an ACK.
    expect(await heard([ACK, 0x20], [0x6f, 0x6b])).not.toBeNull();
    expect(await heard()).toBe('');
  });

  it('is asked again for what it was to read when a byte was lost', async () => {
    const half = [[ACK], [ACK], [ACK, 1, 2, 3], []];
    const { loader, io } = loaderThatHears(...half, [NACK], [ACK], [ACK], [ACK, 1, 2, 3, 4]);
    expect([...(await loader.read(0x0800_0000, 4, io))]).toEqual([1, 2, 3, 4]);
  });

  it('whatever it says, every call ends in time, with a result or a failure that says what', async () => {
    const calls: readonly ((loader: BootLoader, io: IoContext) => Promise<unknown>)[] = [
      (loader, io) => loader.sync(io),
      (loader, io) => loader.get(io),
      (loader, io) => loader.getId(io),
      (loader, io) => loader.mayRead(0, io),
      (loader, io) => loader.read(0x0800_0000, 256, io),
      (loader, io) => loader.write(0x0800_0000, new Uint8Array(16), 1, io),
      (loader, io) => loader.erase([1, 2], 0x0800_0000, 20, io),
      (loader, io) => loader.eraseAll(0x0800_0000, 20, io, 'bank-1'),
      (loader, io) => loader.go(0x0800_0000, io),
      (loader, io) => loader.writeProtect([0], io),
      (loader, io) => loader.writeUnprotect(io),
      (loader, io) => loader.readoutProtect(io),
      (loader, io) => loader.readoutUnprotect(20, io),
    ];
    const byte = fc.oneof(fc.constantFrom(ACK, ACK, ACK, NACK, BUSY, 0x7f, 0, 0xff), fc.nat(255));
    const pieces = fc.array(fc.array(byte, { maxLength: 6 }), { maxLength: 24 });
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...calls), pieces, async (call, said) => {
        const { loader, io, clock } = loaderThatHears(...said);
        const end = await call(loader, io).catch((error: unknown) => error);
        expect(end instanceof Error && !(end instanceof FlashlineError)).toBe(false);
        expect(clock.monotonic()).toBeLessThan(60_000);
      }),
      { numRuns: process.env['FLASHLINE_NIGHTLY'] ? 100_000 : 2000 },
    );
  });
});
