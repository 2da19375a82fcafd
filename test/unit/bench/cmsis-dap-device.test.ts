import * as fc from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import type { IoContext } from '#shared/base/clock.ts';
import { concat } from '#shared/base/bytes.ts';
import { createBench, type BenchConnection, type ConnectOptions } from '#main/bench/bench.ts';
import type { Faults } from '#main/bench/faults.ts';

const AP_READ_DRW = 0x0f;
const AP_WRITE_DRW = 0x0d;
const AP_WRITE_TAR = 0x05;
const AP_WRITE_CSW = 0x01;
const READ_DPIDR = 0x02;
const NVMC_CONFIG = 0x4001e504;
const NVMC_ERASEPAGE = 0x4001e508;
const NVMC_READY = 0x4001e400;

class Probe {
  readonly link: BenchConnection['link'];
  readonly io: IoContext;

  constructor(faults: Faults = [], options: ConnectOptions = {}, bench = createBench({ startAt: 0, seed: 3 })) {
    const { link, clock } = bench.connect('nrf52840', 'P1', faults, options);
    this.link = link;
    this.io = { clock, signal: new AbortController().signal };
  }

  ask(...packet: number[]): Promise<number[]> {
    return this.askWithin(1000, packet);
  }

  async askWithin(ms: number, packet: Iterable<number>): Promise<number[]> {
    await this.link.write(Uint8Array.from(packet), this.io);
    return [...(await this.link.read(ms, this.io))];
  }

  /** Connected at 8 MHz, debug power up, word accesses with increment. */
  async ready(): Promise<this> {
    await this.ask(0x02, 1);
    await this.ask(0x11, ...u32(8_000_000));
    await this.ask(0x04, 0, 100, 0, 0xff, 0xff);
    const ones = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    await this.ask(0x12, 136, ...ones, 0x9e, 0xe7, ...ones, 0);
    await this.transfers([READ_DPIDR], [0x04, 0x50000000], [AP_WRITE_CSW, 0x23000052]);
    return this;
  }

  transfers(...requests: [number, number?][]): Promise<number[]> {
    const bytes = requests.flatMap(([request, data]) => (data === undefined ? [request] : [request, ...u32(data)]));
    return this.ask(0x05, 0, requests.length, ...bytes);
  }

  async writeWord(address: number, value: number): Promise<void> {
    const reply = await this.transfers([AP_WRITE_TAR, address], [AP_WRITE_DRW, value]);
    if (reply.join() !== '5,2,1') throw new Error(`word not written: ${reply.join()}`);
  }
}

function u32(value: number): number[] {
  return [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24];
}

describe('commands', () => {
  it('DAP_Info: strings with their NUL, limits as numbers, nothing as length 0', async () => {
    const probe = new Probe();
    expect(await probe.ask(0x00, 0xfe)).toEqual([0x00, 1, 4]);
    expect(await probe.ask(0x00, 0xff)).toEqual([0x00, 2, 0x00, 0x02]);
    expect(await probe.ask(0x00, 0xf0)).toEqual([0x00, 2, 0x33, 0x00]);
    expect(await probe.ask(0x00, 0x04)).toEqual([0x00, 6, ...Buffer.from('2.1.1\0')]);
    expect(await probe.ask(0x00, 0x05)).toEqual([0x00, 0]);
  });

  it('an unknown command is a single FF, a missing mode connects to 0, a truncated command is an error', async () => {
    const probe = new Probe();
    expect(await probe.ask(0x55, 1, 2, 3)).toEqual([0xff]);
    expect(await probe.ask(0x02, 3)).toEqual([0x02, 0]);
    expect(await probe.ask(0x12, 64, 1)).toEqual([0x12, 0xff]);
    expect(await probe.ask()).toEqual([0xff, 0xff]);
  });

  it('several commands travel in one packet', async () => {
    const probe = new Probe();
    expect(await probe.ask(0x7f, 3, 0x00, 0xfe, 0x02, 1, 0x00, 0x05)).toEqual([0x7f, 3, 0x00, 1, 4, 0x02, 1, 0x00, 0]);
  });

  it('commands in a packet whose answers do not fit into one are carried out, and the answer ends where the packet does', async () => {
    const probe = new Probe();
    const commands = 120;
    const reply = await probe.ask(0x7f, commands, ...Array.from({ length: commands }, () => [0x00, 0x04]).flat());
    expect(reply.length).toBe(512);
    expect(reply.slice(0, 10)).toEqual([0x7f, commands, 0x00, 6, ...Buffer.from('2.1.1\0')]);
  });

  it('whatever comes in, a response of at most a packet goes out, in finite time', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 80 }), { maxLength: 12 }), async (packets) => {
        const probe = await new Probe().ready();
        for (const packet of packets.filter((bytes) => bytes[0] !== 0x07)) {
          // SWJ_Pins waits for up to 3 s, several times in a packet, and a clock may have been set to 1 Hz.
          const reply = await probe.askWithin(1e9, packet);
          expect(reply.length).toBeGreaterThan(0);
          expect(reply.length).toBeLessThanOrEqual(512);
        }
      }),
      { numRuns: 400 },
    );
  });
});

describe('transfers', () => {
  it('mixed reads come in order, match reads carry no data', async () => {
    const probe = await new Probe().ready();
    await probe.writeWord(0x20000000, 0xaabbccdd);
    const reply = await probe.transfers(
      [AP_WRITE_TAR, 0x20000000],
      [AP_READ_DRW],
      [READ_DPIDR],
      [AP_WRITE_TAR, 0x10000100],
      [0x20, 0xffffffff],
      [AP_READ_DRW],
    );
    expect(reply).toEqual([0x05, 6, 1, ...u32(0xaabbccdd), ...u32(0x2ba01477), ...u32(0x52840)]);
  });

  it('match polling waits inside the probe for a page erase, and says when it gave up', async () => {
    const probe = await new Probe().ready();
    await probe.writeWord(NVMC_CONFIG, 2);
    const poll: [number, number][] = [
      [AP_WRITE_CSW, 0x23000042],
      [AP_WRITE_TAR, NVMC_READY],
      [0x20, 1],
      [0x1f, 1],
    ];
    await probe.writeWord(NVMC_ERASEPAGE, 0x1000);
    const from = probe.io.clock.monotonic();
    expect(await probe.transfers(...poll)).toEqual([0x05, 4, 1]);
    expect(probe.io.clock.monotonic() - from).toBeGreaterThan(84);
    expect(probe.io.clock.monotonic() - from).toBeLessThan(86);
    await probe.ask(0x04, 0, 100, 0, 5, 0);
    await probe.transfers([AP_WRITE_CSW, 0x23000052]);
    await probe.writeWord(NVMC_ERASEPAGE, 0x2000);
    expect(await probe.transfers(...poll)).toEqual([0x05, 3, 0x11]);
  });

  it('a block write reports the fault of its last word, a block read stops where the bus does', async () => {
    const probe = await new Probe().ready();
    await probe.transfers([AP_WRITE_TAR, 0x60000000]);
    expect(await probe.ask(0x06, 0, 1, 0, AP_WRITE_DRW, ...u32(1))).toEqual([0x06, 1, 0, 4]);
    expect(await probe.ask(0x08, 0, ...u32(0x1e))).toEqual([0x08, 0]);
    await probe.transfers([AP_WRITE_TAR, 0x2003fffc]);
    const reply = await probe.ask(0x06, 0, 1, 0, AP_READ_DRW);
    expect(reply.slice(0, 4)).toEqual([0x06, 1, 0, 1]);
  });

  it('nobody there is acknowledge 7, nothing done', async () => {
    const probe = await new Probe([{ kind: 'no-target' }]).ready();
    expect(await probe.transfers([READ_DPIDR])).toEqual([0x05, 0, 7]);
  });
});

describe('packets in flight', () => {
  it('up to the packet count are kept, one more is dropped', async () => {
    const probe = new Probe();
    for (let i = 0; i < 5; i++) await probe.link.write(Uint8Array.of(0x00, 0xfe), probe.io);
    for (let i = 0; i < 4; i++) expect([...(await probe.link.read(10, probe.io))]).toEqual([0x00, 1, 4]);
    await expect(probe.link.read(10, probe.io)).rejects.toMatchObject({ failure: { code: 'probe-silent' } });
  });

  it('an abort ends the polling that the probe is at, and nothing after it', async () => {
    const probe = await new Probe().ready();
    await probe.writeWord(NVMC_CONFIG, 2);
    await probe.transfers([AP_WRITE_CSW, 0x23000042]);
    await probe.writeWord(NVMC_ERASEPAGE, 0x1000);
    const poll = [0x05, 0, 3, AP_WRITE_TAR, ...u32(NVMC_READY), 0x20, ...u32(1), 0x1f, ...u32(1)];
    const from = probe.io.clock.monotonic();
    await probe.link.write(Uint8Array.from(poll), probe.io);
    await probe.io.clock.sleep(5);
    await probe.link.write(Uint8Array.of(0x07), probe.io);
    expect([...(await probe.link.read(1000, probe.io))]).toEqual([0x05, 2, 0x11]);
    expect(probe.io.clock.monotonic() - from).toBeLessThan(6);
    expect(await probe.ask(...poll)).toEqual([0x05, 3, 1]);
  });

  it('cost what the models say: 500 us of delay between two microframes', async () => {
    const probe = new Probe();
    await probe.link.write(Uint8Array.of(0x09, 0xf4, 0x01), probe.io);
    // 9.616 us to the probe, told at the first microframe's end.
    expect(probe.io.clock.monotonic()).toBe(0.125);
    await probe.link.read(1000, probe.io);
    // Ready at 509.616 us, 9.616 us back: the fifth microframe ends at 625 us.
    expect(probe.io.clock.monotonic()).toBe(0.625);
  });

  it('a read of 4 words at 8 MHz takes its 5 transfers of 46 bits', async () => {
    const probe = await new Probe([], { probe: 'full-speed' }).ready();
    await probe.transfers([AP_WRITE_TAR, 0x20000000]);
    const from = probe.io.clock.monotonic();
    await probe.ask(0x06, 0, 4, 0, AP_READ_DRW);
    // Out and back, each told at a microframe's end: 28.75 us of wire and 105 us of bus pass unseen within them.
    expect(probe.io.clock.monotonic() - from).toBe(0.25);
  });
});

describe('faults', () => {
  it('unplug and silence begin at their packet', async () => {
    const pulled = new Probe([{ kind: 'unplug', after: 1 }]);
    await pulled.ask(0x00, 0xfe);
    await expect(pulled.ask(0x00, 0xfe)).rejects.toMatchObject({ failure: { code: 'probe-lost' } });
    await expect(pulled.link.read(1, pulled.io)).rejects.toMatchObject({ failure: { code: 'probe-lost' } });
    const mute = new Probe([{ kind: 'silent', after: 1 }]);
    await mute.ask(0x00, 0xfe);
    const from = mute.io.clock.monotonic();
    await expect(mute.ask(0x00, 0xfe)).rejects.toMatchObject({ failure: { code: 'probe-silent' } });
    expect(mute.io.clock.monotonic() - from).toBeGreaterThanOrEqual(1000);
  });

  it('WAIT, FAULT and bad parity show as their acknowledges, once', async () => {
    const waits = new Probe([{ kind: 'ack-wait', after: 4, times: 200 }]);
    await waits.ready();
    expect(await waits.transfers([READ_DPIDR])).toEqual([0x05, 0, 2]);
    expect((await waits.transfers([READ_DPIDR])).slice(0, 3)).toEqual([0x05, 1, 1]);
    const faulty = await new Probe([{ kind: 'ack-fault', after: 4 }]).ready();
    expect(await faulty.transfers([AP_READ_DRW])).toEqual([0x05, 0, 4]);
    expect(await faulty.transfers([AP_READ_DRW])).toEqual([0x05, 0, 4]);
    await faulty.ask(0x08, 0, ...u32(0x1e));
    expect((await faulty.transfers([AP_READ_DRW])).slice(0, 3)).toEqual([0x05, 1, 1]);
    const noisy = await new Probe([{ kind: 'parity', after: 4 }]).ready();
    expect(await noisy.transfers([READ_DPIDR])).toEqual([0x05, 0, 8]);
    expect((await noisy.transfers([READ_DPIDR])).slice(0, 3)).toEqual([0x05, 1, 1]);
  });

  it('rot comes when a programmed word is read; a stuck bit stays through an erase', async () => {
    const probe = await new Probe([
      { kind: 'bit-rot', address: 0x2000, bit: 5 },
      { kind: 'stuck-bit', address: 0x2004, bit: 0, value: 0 },
    ]).ready();
    const words = async () => (await probe.transfers([AP_WRITE_TAR, 0x2000], [AP_READ_DRW], [AP_READ_DRW])).slice(3);
    expect(await words()).toEqual([...u32(0xffffffff), ...u32(0xfffffffe)]);
    await probe.writeWord(NVMC_CONFIG, 1);
    await probe.writeWord(0x2000, 0x12345678);
    expect(await words()).toEqual([...u32(0x12345678 ^ 0x20), ...u32(0xfffffffe)]);
  });

  it('after a power cut nobody answers; the next connection finds the board again', async () => {
    const bench = createBench({ startAt: 0, seed: 3 });
    const probe = await new Probe([{ kind: 'power-cut', ms: 50 }], {}, bench).ready();
    await probe.writeWord(0x20000000, 1);
    await probe.io.clock.sleep(60);
    expect((await probe.transfers([READ_DPIDR])).slice(1, 3)).toEqual([0, 7]);
    await probe.link.close();
    const again = await new Probe([], {}, bench).ready();
    expect((await again.transfers([READ_DPIDR])).slice(1, 3)).toEqual([1, 1]);
  });
});

describe('boards', () => {
  it('are found again by serial, with their flash; another serial is another chip', async () => {
    const bench = createBench({ startAt: 0, seed: 3 });
    const probe = await new Probe([], {}, bench).ready();
    await probe.writeWord(NVMC_CONFIG, 1);
    await probe.writeWord(0x3000, 0x600d);
    await probe.link.close();
    const again = await new Probe([], {}, bench).ready();
    expect(await again.transfers([AP_WRITE_TAR, 0x3000], [AP_READ_DRW])).toEqual([0x05, 2, 1, ...u32(0x600d)]);
    const uids = ['P1', 'P2'].map((serial) => {
      const { chip } = bench.boardFor('nrf52840', serial);
      return [chip.read(0x10000060, 4, 0).value, chip.read(0x10000064, 4, 0).value].join('/');
    });
    expect(new Set(uids).size).toBe(2);
    expect(() => bench.boardFor('z80', 'P1')).toThrow(/chip-unknown/);
  });

  it('the same calls cost the same time and give the same bytes', async () => {
    const once = async () => {
      const probe = await new Probe().ready();
      const replies = [];
      for (let i = 0; i < 20; i++) replies.push(Uint8Array.from(await probe.ask(0x06, 0, 100, 0, AP_READ_DRW)));
      return { time: probe.io.clock.monotonic(), bytes: concat(replies) };
    };
    expect(await once()).toEqual(await once());
  });
});
