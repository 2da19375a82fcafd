import { describe, expect, it } from 'vitest';
import type { Clock, IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { findAccessPorts } from '#main/target/access-ports.ts';
import { Adi } from '#main/target/adi.ts';
import { ComponentMemory, entry } from './component-memory.ts';
import { fault, RegisterPort } from './register-port.ts';

class TestClock implements Clock {
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

const clock = new TestClock();
const io: IoContext = { clock, signal: new AbortController().signal };
const WIRE = { protocol: 'swd', clockHz: 1_000_000 } as const;
const ACKS = 0xa000_0000;

/** ADIv5: access ports by number, as their IDR (undefined refuses). Acknowledges power at the nth request. */
class V5 extends RegisterPort {
  readonly dpidr = 0x2ba0_1477;
  readonly asked: number[] = [];
  requests = 0;
  acknowledgeAt = 1;
  #power = 0;
  readonly #aps: ReadonlyMap<number, number | undefined>;

  constructor(aps: readonly (readonly [number, number | undefined])[] = []) {
    super();
    this.#aps = new Map(aps);
  }

  protected readDp(_bank: number, address: number): number {
    if (address !== 4) return 0;
    return this.#power && this.requests >= this.acknowledgeAt ? (this.#power | ACKS) >>> 0 : this.#power;
  }

  protected writeDp(_bank: number, address: number, value: number): void {
    if (address !== 4) return;
    this.#power = value;
    if (value) this.requests++;
  }

  get power(): number {
    return this.#power;
  }

  protected readAp(select: number, address: number): number {
    const ap = select >>> 24;
    const register = (select & 0xf0) | address;
    if (register === 0xfc) this.asked.push(ap);
    if (this.#aps.has(ap) && this.#aps.get(ap) === undefined) throw fault(ap);
    if (register === 0xfc) return this.#aps.get(ap) ?? 0;
    return register === 0xf8 ? 0xe00f_f003 : 0;
  }

  protected writeAp(): void {
    throw new RangeError('nothing is written here');
  }
}

describe('power', () => {
  it('is asked for again by a chip that missed the first request, and let go at the end', async () => {
    const port = new V5();
    port.acknowledgeAt = 3;
    const adi = await Adi.connect(port, WIRE, io);
    expect(port.requests).toBe(3);
    expect(port.power).toBe(0x5000_0000);
    await adi.powerDown(io);
    expect(port.power).toBe(0);
  });

  it('that never comes is target-stuck, in bounded time', async () => {
    const port = new V5();
    port.acknowledgeAt = Number.POSITIVE_INFINITY;
    const before = clock.ms;
    await expect(Adi.connect(port, WIRE, io)).rejects.toMatchObject({
      failure: { code: 'target-stuck', cause: 'no debug power-up acknowledge' },
    });
    expect(clock.ms - before).toBeLessThan(1000);
  });
});

describe('access ports by number (ADIv5)', () => {
  it('are found over gaps, and one that refuses is left out', async () => {
    const port = new V5([
      [0, 0x8477_0001],
      [1, undefined],
      [4, 0x0288_0000],
      [13, 0x2477_0011],
    ]);
    const adi = await Adi.connect(port, WIRE, io);
    const found = await findAccessPorts(adi, io);
    expect(found.map(({ at, id, base }) => [at, id.class, base])).toEqual([
      [0, 'memory', 0xe00f_f000],
      [4, 'vendor', undefined],
    ]);
    // Eight absent ones behind the last.
    expect(port.asked.at(-1)).toBe(12);
  });

  it('are selected again after a failure, which may have lost what was selected', async () => {
    const port = new V5([[0, 0x2477_0011]]);
    const adi = await Adi.connect(port, WIRE, io);
    await adi.identify(0, io);
    expect(adi.select(0, 0xfc)).toEqual([]);
    const { epoch } = adi;
    port.transfer = () => Promise.reject(new FlashlineError('wire-noise', { params: { detail: 'test' } }));
    await expect(adi.identify(0, io)).rejects.toThrow(FlashlineError);
    expect(adi.select(0, 0xfc)).toHaveLength(1);
    expect(adi.epoch).not.toBe(epoch);
  });
});

/** ADIv6: components of the debug port's own space; memory access ports answer with their registers from 0xD00 on. */
class V6 extends RegisterPort {
  readonly dpidr = 0x4c01_3477;
  readonly written: [register: number, value: number][] = [];
  readonly banked: [bank: number, address: number, value: number][] = [];
  readonly #space: ComponentMemory;
  readonly #base: number;
  readonly #words = new Map<number, number>();

  constructor(space: ComponentMemory, base: number, aps: readonly number[]) {
    super();
    this.#space = space;
    this.#base = base;
    for (const ap of aps) this.#words.set(ap + 0xdfc, 0x3477_0008).set(ap + 0xdf8, 0xe00f_f003);
  }

  protected readDp(bank: number, address: number): number {
    if (bank === 2 && address === 0) return this.#base;
    return bank === 0 && address === 4 ? 0xf000_0000 : 0;
  }

  protected writeDp(bank: number, address: number, value: number): void {
    this.banked.push([bank, address, value]);
  }

  protected readAp(select: number, address: number): number {
    const at = (select | address) >>> 0;
    return this.#words.get(at) ?? this.#space.word(at);
  }

  protected writeAp(select: number, address: number, value: number): void {
    this.written.push([(select | address) >>> 0, value]);
  }
}

const MEM_AP = { class: 9, pidr: 0x04_000b_b9e3n, devarch: 0x4770_0a17 };
const AP_SPACE = new ComponentMemory({
  0x0000: { class: 9, pidr: 0x04_000b_b4c9n, devarch: 0x4770_0af7, words: [entry(0, 0x2000), entry(0, 0x4000), 2, 0] },
  0x2000: MEM_AP,
  0x4000: MEM_AP,
});

describe('access ports by address (ADIv6)', () => {
  it('are found through the debug port’s ROM table', async () => {
    const port = new V6(AP_SPACE, 0x0000_0001, [0x2000, 0x4000]);
    const adi = await Adi.connect(port, WIRE, io);
    expect(adi.id.version).toBe(3);
    // SELECT1, the upper half of every address.
    expect(port.banked).toContainEqual([5, 4, 0]);
    expect((await findAccessPorts(adi, io)).map(({ at, id, base }) => [at, id.name, base])).toEqual([
      [0x2000, 'AHB5-AP', 0xe00f_f000],
      [0x4000, 'AHB5-AP', 0xe00f_f000],
    ]);
  });

  it('are found where the debug port points to the only one', async () => {
    const port = new V6(AP_SPACE, 0x0000_4001, [0x4000]);
    expect(await findAccessPorts(await Adi.connect(port, WIRE, io), io)).toHaveLength(1);
  });

  it('are none where the debug port points to nothing', async () => {
    const port = new V6(AP_SPACE, 0, []);
    expect(await findAccessPorts(await Adi.connect(port, WIRE, io), io)).toEqual([]);
  });

  it('have the registers of ADIv5 from 0xD00 on', async () => {
    const port = new V6(AP_SPACE, 1, [0x2000]);
    const adi = await Adi.connect(port, WIRE, io);
    await adi.writeAp(0x2000, 0x04, 0x1234_5678, io);
    expect(port.written).toEqual([[0x2d04, 0x1234_5678]]);
  });
});
