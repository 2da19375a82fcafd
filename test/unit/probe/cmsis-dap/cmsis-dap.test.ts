import * as fc from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Transfer } from '#main/probe/debug-port.ts';
import { openCmsisDap } from '#main/probe/cmsis-dap/cmsis-dap.ts';
import { Registers, type Script, ScriptedProbe } from './scripted-probe.ts';

const port = fc.constantFrom('dp' as const, 'ap' as const);
const address = fc.constantFrom(0x0, 0x4, 0x8, 0xc);
const word = fc.integer({ min: 0, max: 0xffffffff });
const transfer: fc.Arbitrary<Transfer> = fc.oneof(
  fc.record({ port, address, read: fc.constant(true as const) }),
  fc.record({ port, address, read: fc.constant(false as const), value: word }),
  fc.record({ port, address, readCount: fc.integer({ min: 0, max: 700 }) }),
  fc.record({ port, address, words: fc.array(word, { maxLength: 700 }).map((words) => Uint32Array.from(words)) }),
);

/** The same accesses, one at a time, with nothing in between. */
function oneAtATime(batch: readonly Transfer[]): { readonly words: number[]; readonly log: string[] } {
  const registers = new Registers();
  const words: number[] = [];
  for (const each of batch) {
    if ('readCount' in each) {
      for (let i = 0; i < each.readCount; i++) words.push(registers.read(each.port, each.address));
    } else if ('words' in each) {
      for (const value of each.words) registers.write(each.port, each.address, value);
    } else if ('read' in each) {
      if (each.read) words.push(registers.read(each.port, each.address));
      else registers.write(each.port, each.address, each.value);
    }
  }
  return { words, log: registers.log };
}

async function open(script: Partial<Script>) {
  const probe = new ScriptedProbe({ packetSize: 64, packetCount: 4, ...script });
  return { probe, debugPort: await openCmsisDap(probe, probe.io) };
}

const FOUR_PACKETS: Transfer[] = [{ port: 'ap', address: 0xc, words: new Uint32Array(14 * 4).fill(7) }];

describe('batches', () => {
  it('do in full, pipelined packets exactly what they would do one at a time', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(transfer, { maxLength: 30 }),
        fc.constantFrom(64, 512, 1024),
        fc.integer({ min: 1, max: 8 }),
        async (batch, packetSize, packetCount) => {
          const { probe, debugPort } = await open({ packetSize, packetCount });
          const expected = oneAtATime(batch);
          expect([...(await debugPort.transfer(batch, probe.io))]).toEqual(expected.words);
          expect(probe.registers.log).toEqual(expected.log);
          expect(probe.violations).toEqual([]);
          expect(probe.mostInFlight).toBeLessThanOrEqual(packetCount);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('fill the packets and keep as many under way as the probe has buffers', async () => {
    const { probe, debugPort } = await open({ packetSize: 512, packetCount: 4 });
    const before = probe.requests.length;
    await debugPort.readBlock(0xc, 127 * 10, probe.io);
    expect(probe.requests.length - before).toBe(10);
    expect(probe.mostInFlight).toBe(4);
  });

  it('report every block byte once, never going back', async () => {
    const { probe, debugPort } = await open({});
    const seen: number[] = [];
    await debugPort.readBlock(0xc, 100, probe.io, (done) => seen.push(done));
    expect(seen.at(-1)).toBe(400);
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
  });
});

describe('polling', () => {
  it('is left to the probe, and false when its retries run out', async () => {
    const match = { port: 'ap', address: 0xc, matchMask: 0xf0, matchValue: 0x30 } as const;
    const late = await open({ found: (attempt) => (attempt < 500 ? 0 : 0x3f) });
    await late.debugPort.connect({ protocol: 'swd', clockHz: 8_000_000 }, late.probe.io);
    expect(await late.debugPort.poll([], match, late.probe.io)).toBe(true);
    const never = await open({ found: () => 0 });
    await never.debugPort.connect({ protocol: 'swd', clockHz: 8_000_000 }, never.probe.io);
    const before = never.probe.requests.length;
    expect(await never.debugPort.poll([], match, never.probe.io)).toBe(false);
    expect(never.probe.requests.length).toBe(before + 1);
  });
});

describe('matches within a batch', () => {
  const write: Transfer = { port: 'ap', address: 4, read: false, value: 1 };
  const ready = { port: 'ap', address: 0xc, matchMask: 1, matchValue: 1 } as const;
  /** Pages of a flash controller, each written, started and waited for. */
  const pages = (count: number, match: Transfer): Transfer[] =>
    Array.from({ length: count }, () => [
      write,
      { port: 'ap' as const, address: 0xc, words: new Uint32Array(8) },
      match,
    ]).flat();

  it('share packets with what is around them', async () => {
    const { probe, debugPort } = await open({ packetSize: 512, found: () => 1 });
    const before = probe.requests.length;
    await debugPort.transfer(pages(20, ready), probe.io);
    // 20 pages of 9 writes and a match, 5 bytes each and the mask once a packet: 1000 bytes.
    expect(probe.requests.length - before).toBe(2);
    expect(probe.violations).toEqual([]);
  });

  it('that fail let nothing after them happen, however much is under way', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 30 }), fc.constantFrom(64, 512), async (failing, packetSize) => {
        let matches = 0;
        const { probe, debugPort } = await open({
          packetSize,
          packetCount: 8,
          found: () => (++matches < failing ? 1 : 0),
        });
        const batch = debugPort.transfer(pages(30, ready), probe.io);
        await expect(batch).rejects.toMatchObject({ failure: { code: 'target-stuck' } });
        expect(probe.registers.log.filter((line) => line === 'ap 4 w 1')).toHaveLength(failing);
      }),
      { numRuns: 40 },
    );
  });

  it('hold nothing up where the rest may run on', async () => {
    const run = async (match: Transfer) => {
      const { probe, debugPort } = await open({ packetSize: 64, packetCount: 4, found: () => 1 });
      await debugPort.transfer(pages(30, match), probe.io);
      return probe.mostInFlight;
    };
    expect(await run({ ...ready, runsOn: true })).toBe(4);
    expect(await run(ready)).toBeLessThan(4);
  });

  it('do what they would do one at a time, each with its own mask', async () => {
    const found = 0b1010;
    const { probe, debugPort } = await open({ packetSize: 64, found: () => found });
    const masks = [0xf, 0xf, 0x3, 0x8, 0xf];
    const batch = masks.map((matchMask) => Object.assign({}, ready, { matchMask, matchValue: found & matchMask }));
    await debugPort.transfer(batch, probe.io);
    await expect(debugPort.transfer([...batch, { ...ready, matchMask: 1 }], probe.io)).rejects.toMatchObject({
      failure: { code: 'target-stuck' },
    });
  });
});

describe('failures', () => {
  const ABORTS = { clear: [0x08, 0, 0x1e, 0, 0, 0], stuck: [0x08, 0, 0x1f, 0, 0, 0] };

  it.each([
    { acknowledge: 2, code: 'target-stuck', recovery: ABORTS.stuck },
    { acknowledge: 4, code: 'target-fault', recovery: ABORTS.clear },
    { acknowledge: 8, code: 'wire-noise', recovery: ABORTS.clear },
    { acknowledge: 3, code: 'wire-noise', recovery: ABORTS.clear },
    { acknowledge: 7, code: 'no-target', recovery: ABORTS.clear },
  ])('acknowledge $acknowledge is $code; what is in flight is drained and the port works again', async (given) => {
    const { probe, debugPort } = await open({
      acknowledge: (access) => (access === 5 ? given.acknowledge : 1),
    });
    await expect(debugPort.transfer(FOUR_PACKETS, probe.io)).rejects.toMatchObject({ failure: { code: given.code } });
    expect(probe.requests.some((request) => Buffer.from(request).equals(Buffer.from(given.recovery)))).toBe(true);
    expect(probe.violations).toEqual([]);
    const again = await debugPort.readBlock(0xc, 50, probe.io);
    expect(again).toHaveLength(50);
  });

  it.each([
    ['another command', (reply: Uint8Array) => Uint8Array.of(0x77, ...reply.subarray(1))],
    ['an unknown command', () => Uint8Array.of(0xff)],
    ['too few words', (reply: Uint8Array) => reply.subarray(0, 7)],
    ['nothing', () => new Uint8Array()],
    ['more than a packet holds', (reply: Uint8Array) => Uint8Array.of(...reply, ...new Uint8Array(64).fill(1))],
    ['fewer transfers than asked', (reply: Uint8Array) => Uint8Array.of(0x05, 1, ...reply.subarray(2))],
  ])('a reply with %s is the probe’s fault', async (_, damage) => {
    let damaging = false;
    const { probe, debugPort } = await open({ reply: (_packet, reply) => (damaging ? damage(reply) : reply) });
    damaging = true;
    await expect(debugPort.readBlock(0xc, 5, probe.io)).rejects.toMatchObject({ failure: { code: 'probe-protocol' } });
  });

  it('a damaged reply costs no deadline: the others are drained as they come', async () => {
    let damaged = -1;
    const { probe, debugPort } = await open({ reply: (n, reply) => (n === damaged ? Uint8Array.of(0xff) : reply) });
    damaged = probe.requests.length;
    const since = probe.clock.monotonic();
    await expect(debugPort.readBlock(0xc, 60, probe.io)).rejects.toMatchObject({ failure: { code: 'probe-protocol' } });
    expect(probe.clock.monotonic() - since).toBeLessThan(10);
    expect(await debugPort.readBlock(0xc, 60, probe.io)).toHaveLength(60);
  });

  it('a write that fails is told as such, also when it was one of many', async () => {
    const { probe, debugPort } = await open({});
    const broken = new FlashlineError('probe-lost', { params: { url: probe.url } });
    const write = probe.write.bind(probe);
    let left = 5;
    probe.write = (data) => (left-- > 0 ? write(data) : Promise.reject(broken));
    await expect(debugPort.readBlock(0xc, 500, probe.io)).rejects.toBe(broken);
  });

  it('survive any reply at all', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 64 }), fc.integer({ min: 0, max: 20 }), async (bytes, at) => {
        const probe = new ScriptedProbe({
          packetSize: 64,
          packetCount: 2,
          reply: (packet, reply) => (packet === at ? bytes : reply),
        });
        const work = async () => {
          const debugPort = await openCmsisDap(probe, probe.io);
          await debugPort.connect({ protocol: 'swd', clockHz: 1_000_000 }, probe.io);
          await debugPort.readBlock(0xc, 100, probe.io);
        };
        const failure: unknown = await work().then(
          () => undefined,
          (error: unknown) => error,
        );
        expect(failure === undefined || failure instanceof FlashlineError).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it('silence has a deadline, and a reply that comes late answers nobody', async () => {
    let swallow = -1;
    const { probe, debugPort } = await open({
      packetCount: 1,
      reply: (n, reply) => (n === swallow ? undefined : reply),
    });
    swallow = probe.requests.length;
    await expect(debugPort.readBlock(0xc, 1, probe.io)).rejects.toMatchObject({ failure: { code: 'probe-silent' } });
    probe.arriveLate(Uint8Array.of(0x05, 1, 1, 0xef, 0xbe, 0xad, 0xde));
    const [value] = await debugPort.readBlock(0xc, 1, probe.io);
    expect(value).not.toBe(0xdeadbeef);
    expect(probe.violations).toEqual([]);
  });
});

describe('replies of HID', () => {
  it('may be padded beyond the packet', async () => {
    const { probe, debugPort } = await open({ reply: (_, reply) => Uint8Array.of(...reply, ...new Uint8Array(512)) });
    expect(await debugPort.readBlock(0xc, 20, probe.io)).toHaveLength(20);
  });
});

describe('opening', () => {
  it('throws away what somebody else’s packets left behind', async () => {
    const stale = [Uint8Array.of(0x00, 2, 0xff, 0xff), Uint8Array.of(0x05, 0, 0)];
    const { debugPort } = await open({ stale });
    expect(debugPort.describe()).toEqual({ vendor: '', product: '', serial: 'abc', firmware: '' });
  });

  it('refuses limits that cannot be, and closes the link', async () => {
    const probe = new ScriptedProbe({ packetSize: 8, packetCount: 0 });
    await expect(openCmsisDap(probe, probe.io)).rejects.toMatchObject({ failure: { code: 'probe-protocol' } });
    expect(probe.closed).toBe(true);
  });
});

describe('an abort', () => {
  it('stops between packets, with no reply left over', async () => {
    const { probe, debugPort } = await open({});
    const abort = new AbortController();
    const io = { clock: probe.clock, signal: abort.signal };
    const before = probe.requests.length;
    const reason = new Error('enough');
    await expect(debugPort.readBlock(0xc, 1500, io, () => abort.abort(reason))).rejects.toBe(reason);
    expect(probe.requests.length - before).toBeLessThanOrEqual(4 + 1);
    expect(await debugPort.readBlock(0xc, 20, probe.io)).toHaveLength(20);
    expect(probe.violations).toEqual([]);
  });
});
