import * as fc from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { parseGdbUrl } from '#main/app/gdb-url.ts';
import { binaryLength } from '#main/probe/gdb-remote/memory.ts';
import { parseFlashRegions } from '#main/probe/gdb-remote/memory-map.ts';
import { framePacket } from '#main/probe/gdb-remote/packets.ts';
import { createServerFlashDevice } from '#main/programmer/server-flash-device.ts';
import { toFailure } from '#shared/model/failure.ts';
import { monitorCommand, open, polite, says, type Script } from '#test/support/gdb-stub.ts';
import { memoryOf, realIo } from '#test/support/nrf51.ts';

const io = realIo();

const MAP =
  '<memory-map><memory type="ram" start="0x20000000" length="0x4000"/>' +
  '<memory type="flash" start="0x00000000" length="0x40000"><property name="blocksize">0x400</property></memory></memory-map>';

/** A Black Magic Probe as its firmware's gdb_main.c and command.c have it: no target before it was scanned and attached. */
class BlackMagic {
  readonly seen: string[] = [];
  readonly flash = new Uint8Array(0x40000).fill(0xff);
  powered = false;
  attached = false;
  #scanned = false;

  readonly script: Script = (request, socket) => {
    const command = monitorCommand(request);
    this.seen.push(command ?? request);
    if (command !== undefined) return this.#monitor(command);
    if (request.startsWith('qSupported')) return 'PacketSize=400;qXfer:memory-map:read+;qXfer:features:read+';
    if (request === '?') return this.attached ? 'T05' : 'W00';
    if (request.startsWith('v')) return this.#v(request);
    if (!this.attached && /^[gGmMXpPZz]/u.test(request)) return 'EFF';
    if (request.startsWith('X')) return 'OK';
    if (request.startsWith('m')) return this.#read(request);
    if (request === 'D') {
      this.attached = false;
      return 'OK';
    }
    if (request.startsWith('qXfer:memory-map')) return request.includes('::0,') ? `m${MAP}` : 'l';
    return polite(request, socket);
  };

  #monitor(command: string) {
    if (command === 'version') return says('Black Magic Probe (Firmware v1.10.0), Hardware Version 3\n');
    if (command === 'tpwr enable') {
      this.powered = true;
      return says('Enabling target power\n');
    }
    if (command !== 'swdp_scan') return '';
    // A scan that fails ends in text where OK would be.
    if (!this.powered) return Buffer.from(framePacket(Buffer.from(Buffer.from('Failed\n').toString('hex'))));
    this.#scanned = true;
    return says('Target voltage: 3.3V\nAvailable Targets:\nNo. Att Driver\n 1      Nordic nRF51 M0\n');
  }

  #v(request: string): string {
    if (request === 'vAttach;1') {
      this.attached = this.#scanned;
      return this.attached ? 'T05' : 'E01';
    }
    if (request === 'vRun;') return 'T05';
    const [, erase, length] = /^vFlashErase:([0-9a-f]+),([0-9a-f]+)$/u.exec(request) ?? [];
    if (erase !== undefined && length !== undefined) {
      const from = Number.parseInt(erase, 16);
      this.flash.fill(0xff, from, from + Number.parseInt(length, 16));
      return 'OK';
    }
    const [, write, data] = /^vFlashWrite:([0-9a-f]+):(.*)$/su.exec(request) ?? [];
    if (write !== undefined && data !== undefined) {
      const at = Number.parseInt(write, 16);
      for (let i = 0; i < data.length; i++) this.flash[at + i] = (this.flash[at + i] ?? 0) & data.charCodeAt(i);
      return 'OK';
    }
    return request === 'vFlashDone' ? 'OK' : '';
  }

  #read(request: string): string {
    const [address = 0, length = 0] = request
      .slice(1)
      .split(',')
      .map((digits) => Number.parseInt(digits, 16));
    return Buffer.from(this.flash.subarray(address, address + length)).toString('hex');
  }
}

describe('a Black Magic Probe', () => {
  it('is powered, scanned and attached to before anything else is asked', async () => {
    const probe = new BlackMagic();
    const target = await open(probe.script, io, { attach: { power: true } });
    const order = ['version', 'tpwr enable', 'swdp_scan', 'vAttach;1', '?'];
    expect(probe.seen.filter((request) => order.includes(request))).toEqual(order);
    await target.start(io);
    expect(probe.seen.slice(-2)).toEqual(['vRun;', 'D']);
    await target.close(io);
  });

  it('that finds no target is no fault of ours: no-target, with what it said', async () => {
    const failure = await open(new BlackMagic().script).catch(toFailure);
    expect(failure).toMatchObject({ code: 'no-target', blame: 'fixture', cause: 'Failed' });
  });

  it('and one that has no such target number says so too', async () => {
    const failure = await open(new BlackMagic().script, io, { attach: { power: true, target: 2 } }).catch(toFailure);
    expect(failure).toMatchObject({ code: 'no-target', cause: expect.stringContaining('Nordic nRF51') });
  });

  it('that cannot scan JTAG is unsuited', async () => {
    const failure = await open(new BlackMagic().script, io, { attach: { power: true, protocol: 'jtag' } }).catch(
      toFailure,
    );
    expect(failure).toMatchObject({ code: 'probe-unsuited' });
  });

  it('writes flash by its own driver, whatever the bytes are', async () => {
    const probe = new BlackMagic();
    const target = await open(probe.script, io, { attach: { power: true }, byServer: true });
    expect(target.can).toEqual({ writePeripherals: false, executeCode: false, accessWhileRunning: false });
    const server = await target.serverFlash?.(io);
    if (!server) throw new Error('no flash');
    const device = createServerFlashDevice(server, target.chip, target.memory);
    const flash = memoryOf(target.chip, 'flash');
    const image = Uint8Array.from({ length: 3000 }, (_, index) => (index * 7) & 0xff);
    await device.erase(flash, 0x800, 0xc00, io);
    await device.program(flash, 0x800, image, io);
    expect(await device.read(0x800, image.length, io)).toEqual(image);
    // Not a whole block, and no flash at all.
    expect([server.erases(0x900, 0x400), server.erases(0x2000_0000, 0x400)]).toEqual([false, false]);
    await target.close(io);
  });
});

describe('other servers', () => {
  const server =
    (features: string, version: string, seen: string[]): Script =>
    (request, socket) => {
      const command = monitorCommand(request);
      if (command !== undefined) {
        seen.push(command);
        return command === 'version' ? says(version) : says('');
      }
      if (request.startsWith('qSupported')) return `PacketSize=800;${features}`;
      if (request === 'D' || request === 'X0,0:') return 'OK';
      return polite(request, socket);
    };

  it.each([
    ['OpenOCD', 'vContSupported+', 'Open On-Chip Debugger 0.12.0\n', ['reset run']],
    ['pyOCD', 'QNonStop+', 'Invalid Command: "b\'version\'"\n', ['reset']],
    ['SEGGER', 'hwbreak+', 'SEGGER J-Link GDB Server V7.50\n', ['reset', 'go']],
    ['one we do not know', '', '', ['reset run']],
  ])('%s is reset by its own words', async (_, features, version, commands) => {
    const seen: string[] = [];
    const target = await open(server(features, version, seen));
    await target.start(io);
    expect(seen).toEqual(['version', ...commands]);
    await target.close(io);
  });

  it('is what the user says it is', async () => {
    const seen: string[] = [];
    const { options } = parseGdbUrl('gdb:tcp:127.0.0.1:1?server=segger');
    const target = await open(server('', 'no name', seen), io, options);
    await target.start(io);
    expect(seen).toEqual(['version', 'reset', 'go']);
    await target.close(io);
  });

  it('asking whether it takes binary data does not count as touching the chip', async () => {
    const requests: string[] = [];
    const target = await open((request, socket) => {
      requests.push(request);
      return request === 'X0,0:' ? 'OK' : polite(request, socket);
    });
    await target.close(io);
    expect(requests).toContain('X0,0:');
    requests.length = 0;
    const writer = await open((request, socket) => {
      requests.push(request);
      return request.startsWith('X') ? 'OK' : polite(request, socket);
    });
    await writer.memory.write(0x2000_0000, Uint8Array.of(0x23, 0x24, 0x2a, 0x7d), io);
    expect(requests.at(-1)).toBe('X20000000,4:#$*}');
    await writer.close(io);
  });
});

describe('binary packets', () => {
  it('hold as many whole words as fit once they are escaped', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 400 }), fc.integer({ min: 8, max: 200 }), (bytes, room) => {
        for (let at = 0; at < bytes.length;) {
          const length = binaryLength(bytes, at, room);
          // Framed: the four characters around the payload.
          expect(framePacket(bytes.subarray(at, at + length)).length - 4).toBeLessThanOrEqual(room);
          expect(length > 0 && (length % 4 === 0 || at + length === bytes.length || room < 8)).toBe(true);
          at += length;
        }
      }),
    );
  });
});

describe('a memory map', () => {
  it('is read whatever surrounds it, and never throws', () => {
    const flash = (start: number, blocks: number, block: number) =>
      `<memory  type='flash' start="0x${start.toString(16)}" length="${blocks * block}">\n<property name="blocksize">${block}</property></memory>`;
    fc.assert(
      fc.property(fc.nat(0xffff), fc.integer({ min: 1, max: 64 }), fc.string(), (start, blocks, junk) => {
        const block = 1024;
        const noise = junk.replaceAll(/[<>]/gu, '');
        expect(
          parseFlashRegions(
            `<!-- ${flash(1, 1, 4)} --><memory-map>${noise}${flash(start, blocks, block)}<memory type="ram" start="0" length="4"/></memory-map>`,
          ),
        ).toEqual([{ start, size: blocks * block, blockSize: block }]);
      }),
    );
    fc.assert(fc.property(fc.string(), (text) => Array.isArray(parseFlashRegions(text))));
  });
});

describe('the address of a gdb server', () => {
  it('carries what the probe must be told', () => {
    expect(parseGdbUrl('gdb:serial:/dev/ttyACM0?power=on&target=2&reset=held')).toEqual({
      stream: { kind: 'serial', path: '/dev/ttyACM0' },
      options: { attach: { power: true, target: 2, underReset: true } },
    });
    expect(parseGdbUrl('gdb:unix:/tmp/a?b').stream).toEqual({ kind: 'unix', path: '/tmp/a?b' });
    expect(parseGdbUrl('gdb:tcp:h:1?flash=server&server=openocd').options).toMatchObject({
      byServer: true,
      server: 'openocd',
    });
  });

  it.each(['gdb:tcp:h:1?server=frog', 'gdb:tcp:h:1?target=0', 'gdb:tcp:h:1?power=maybe', 'gdb:tcp:h:1?colour=red'])(
    '%s is refused with the forms there are',
    (url) => {
      expect(() => parseGdbUrl(url)).toThrow(/probe-address/u);
    },
  );
});
