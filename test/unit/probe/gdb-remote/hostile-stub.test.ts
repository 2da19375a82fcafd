import * as fc from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { framePacket } from '#main/probe/gdb-remote/packets.ts';
import { ascii } from '#main/probe/gdb-remote/text.ts';
import type { IoContext } from '#shared/base/clock.ts';
import { type FailureCode, toFailure } from '#shared/model/failure.ts';
import { type Answer, open, polite, type Script } from '#test/support/gdb-stub.ts';
import { realIo } from '#test/support/nrf51.ts';

/** A clock on which deadlines come eight times as soon: for tests that have to wait for one. */
function hurried(): IoContext {
  const { clock, signal } = realIo();
  return {
    clock: {
      now: () => clock.now(),
      monotonic: () => clock.monotonic() * 8,
      sleep: (ms, until) => clock.sleep(ms / 8, until),
    },
    signal,
  };
}

async function codeOf(work: Promise<unknown>): Promise<FailureCode | 'fine'> {
  return work.then(
    () => 'fine' as const,
    (error: unknown) => toFailure(error).code,
  );
}

describe('a stub that means well', () => {
  it('reads and writes memory in packets of its size, and registers without a description', async () => {
    const seen: string[] = [];
    const target = await open((request, socket) => {
      seen.push(request);
      return polite(request, socket);
    });
    expect(await target.memory.read(0x1000, 1000, realIo())).toEqual(new Uint8Array(1000));
    await target.memory.write(0x2000_0000, new Uint8Array(700).fill(0x23), realIo());
    expect(seen.filter((request) => request.length > 0x200)).toEqual([]);
    await target.core.writeRegisters({ pc: 0x1234_5678, xpsr: 0x0100_0000 }, realIo());
    const write = seen.find((request) => request.startsWith('G'));
    expect(write?.slice(1 + 60 * 2, 1 + 64 * 2)).toBe('78563412');
    expect(write?.slice(1 + 164 * 2)).toBe('00000001');
    await target.close(realIo());
  });

  it('may stop acknowledging', async () => {
    const target = await open((request, socket) => {
      if (request.startsWith('qSupported')) return 'PacketSize=200;QStartNoAckMode+';
      return request === 'QStartNoAckMode' ? 'OK' : polite(request, socket);
    });
    expect(await target.memory.readWord(0, realIo())).toBe(0);
    await target.close(realIo());
  });

  it('gets a damaged reply asked for again', async () => {
    let damaged = 0;
    const target = await open((request, socket) => {
      if (!request.startsWith('m')) return polite(request, socket);
      socket.once('data', (bytes) => {
        if (String(bytes).startsWith('-')) socket.write(framePacket(ascii('0df0ad0b')));
      });
      damaged += 1;
      return ascii('$0df0ad0c#00');
    });
    expect(await target.memory.readWord(0, realIo())).toBe(0x0bad_f00d);
    expect(damaged).toBe(1);
    await target.close(realIo());
  });

  it('tells the address of a refused access', async () => {
    const target = await open((request, socket) => (request.startsWith('m40') ? 'E14' : polite(request, socket)));
    const failure = await target.memory.read(0x4000_0000, 16, realIo()).catch(toFailure);
    expect(failure).toMatchObject({ code: 'target-fault', blame: 'unit', where: { address: 0x4000_0000 } });
    await target.close(realIo());
  });
});

describe('a hostile stub', () => {
  const flood: Script = (_, socket) => {
    const more = (): void => {
      while (!socket.destroyed && socket.write('$'.padEnd(60_000, '0')));
    };
    socket.on('drain', more);
    more();
    return undefined;
  };

  it.each<[string, Script, FailureCode]>([
    ['says nothing', () => undefined, 'probe-silent'],
    ['hangs up', (_, socket) => void socket.destroy(), 'probe-lost'],
    ['speaks HTTP', () => ascii('HTTP/1.1 400 Bad Request\r\n\r\n'), 'probe-protocol'],
    ['never gets a checksum right', () => ascii('$OK#00$OK#00$OK#00'), 'probe-protocol'],
    ['refuses everything', () => ascii('-----'), 'probe-protocol'],
    ['never ends a packet', flood, 'probe-protocol'],
    ['answers nonsense', () => 'qwerty', 'probe-protocol'],
    [
      'says that its program has ended',
      (request, socket) => (request === '?' ? 'W00' : polite(request, socket)),
      'no-target',
    ],
    ['sends stops for ever', (_, socket) => void socket.write('$S05#b8'.repeat(50)), 'probe-protocol'],
    ['sends a run length bomb', () => ascii(`$0${'*~'.repeat(5000)}#00`), 'probe-protocol'],
  ])('that %s', async (_, script, code) => {
    expect(await codeOf(open(script, hurried()))).toBe(code);
  });

  it('that describes registers without end still opens', async () => {
    const target = await open((request, socket) => {
      if (request.startsWith('qSupported')) return 'PacketSize=200;qXfer:features:read+';
      return request.startsWith('qXfer') ? 'm<reg name="r0"/>' : polite(request, socket);
    });
    expect(await target.core.readRegisters(['pc'], realIo())).toEqual({ pc: 0 });
    await target.close(realIo());
  });

  it.each<[string, (request: string) => Answer, FailureCode]>([
    ['short replies', () => '00', 'probe-protocol'],
    ['long replies', () => '00'.repeat(99), 'probe-protocol'],
    ['no hex', () => 'xyzw5678', 'probe-protocol'],
    ['silence', () => undefined, 'probe-silent'],
  ])('that gives %s to a read', async (_, answer, code) => {
    const target = await open((request, socket) =>
      request.startsWith('m') ? answer(request) : polite(request, socket),
    );
    expect(await codeOf(target.memory.readWord(0, realIo()))).toBe(code);
    await target.close(realIo());
  });

  it('that goes silent is waited for once, not at every request of the tear-down', async () => {
    const target = await open((request, socket) => (request.startsWith('m') ? undefined : polite(request, socket)));
    expect(await codeOf(target.memory.readWord(0, realIo()))).toBe('probe-silent');
    const begun = performance.now();
    expect(await codeOf(target.memory.writeWord(0, 1, realIo()))).toBe('probe-silent');
    await target.close(realIo());
    expect(performance.now() - begun).toBeLessThan(500);
  });

  it('cannot hold back an abort, and an aborted reply is not taken for the next one', async () => {
    const aborting = new AbortController();
    let late = 0;
    const target = await open((request, socket) => {
      if (request !== 'm0,4') return request === 'm4,4' ? '01020304' : polite(request, socket);
      setTimeout(() => socket.write(framePacket(ascii('ffffffff'))), (late += 200));
      return undefined;
    });
    const reason = new Error('stop');
    setTimeout(() => aborting.abort(reason), 20);
    await expect(target.memory.readWord(0, realIo(aborting.signal))).rejects.toBe(reason);
    expect(await target.memory.readWord(4, realIo())).toBe(0x0403_0201);
    await target.close(realIo());
  });

  it('that stops the core by itself is target-stuck only when it answers the interrupt', async () => {
    const stuck = await open((request, socket) => {
      if (request !== 'c') return polite(request, socket);
      socket.once('data', (bytes) => void (bytes.includes(3) && socket.write(framePacket(ascii('S02')))));
      return undefined;
    });
    await stuck.core.resume(realIo());
    expect(await codeOf(stuck.core.waitForHalt(100, realIo()))).toBe('target-stuck');
    await stuck.close(realIo());
    const dead = await open((request, socket) => (request === 'c' ? undefined : polite(request, socket)));
    await dead.core.resume(realIo());
    expect(await codeOf(dead.core.waitForHalt(100, realIo()))).toBe('probe-silent');
    await dead.close(realIo());
  });

  it('with random bytes for answers ends in a failure of the station or works', { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 64 }), async (bytes) => {
        const code = await codeOf(
          open((request, socket) => (request === '?' ? bytes : polite(request, socket)), hurried()),
        );
        expect(['fine', 'probe-protocol', 'probe-silent', 'no-target']).toContain(code);
      }),
      // Some answers are waited for until the reply deadline.
      { numRuns: 25 },
    );
  });
});
