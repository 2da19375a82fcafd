import * as fc from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import {
  type Command,
  devlistReply,
  type ExportedDevice,
  importReply,
  LONGEST_TRANSFER,
  Status,
  submitReply,
  unlinkReply,
  UsbipFormatError,
  UsbipReader,
} from '#main/bench/usbip/protocol.ts';
import { DEVLIST_REQUEST, importRequest, submitRequest, unlinkRequest } from './client.ts';

const PROBE: ExportedDevice = {
  busid: '1-3',
  busNumber: 1,
  deviceNumber: 4,
  speed: 'high',
  vendorId: 0x1209,
  productId: 1,
  release: 0x0123,
  interfaces: [{ classCode: 0xff, subclass: 2, protocol: 3 }],
};

const submits = fc.record({
  seqnum: fc.nat(0xffffffff),
  endpoint: fc.nat(15),
  setup: fc.array(fc.nat(255), { minLength: 8, maxLength: 8 }),
  way: fc.oneof(
    fc.record({ direction: fc.constant('in' as const), length: fc.nat(LONGEST_TRANSFER) }),
    fc.record({ direction: fc.constant('out' as const), data: fc.uint8Array({ maxLength: 600 }) }),
  ),
});

describe('USB/IP requests', () => {
  it('come out as they went in, whatever pieces they arrive in', () => {
    fc.assert(
      fc.property(fc.array(submits, { maxLength: 5 }), fc.integer({ min: 1, max: 100 }), (list, cut) => {
        const requests = list.map(({ way, ...submit }) => ({ ...submit, ...way }));
        const stream = Buffer.concat([...requests.map(submitRequest), unlinkRequest(7, 0xfffffffe)]);
        const reader = new UsbipReader();
        const found: object[] = [];
        for (let at = 0; at < stream.length; at += cut) {
          reader.push(stream.subarray(at, at + cut));
          for (let one = reader.command(); one; one = reader.command()) found.push(plain(one));
        }
        const submitted = requests.map((request) => {
          const { seqnum, endpoint, direction } = request;
          const data = 'data' in request ? request.data : new Uint8Array();
          const length = 'data' in request ? request.data.length : request.length;
          const setup = Uint8Array.from(request.setup);
          return { kind: 'submit', seqnum, endpoint, direction, length, setup, data };
        });
        expect(found).toEqual([...submitted, { kind: 'unlink', seqnum: 7, victim: 0xfffffffe }]);
      }),
    );
  });

  it("are read from the kernel document's own example", () => {
    const reader = new UsbipReader();
    const words = '00000001 00000d05 0001000f 00000001 00000001 00000200 00000040 00000000 ffffffff 00000004';
    reader.push(Buffer.from(words.replaceAll(' ', '').padEnd(96, '0'), 'hex'));
    expect(reader.command()).toMatchObject({ kind: 'submit', seqnum: 0xd05, endpoint: 1, direction: 'in', length: 64 });
  });

  it('before an import are lists and imports, the header in one write and the bus id in the next', () => {
    const reader = new UsbipReader();
    reader.push(DEVLIST_REQUEST);
    expect(reader.operation()).toEqual({ kind: 'devlist' });
    const request = importRequest('1-3');
    reader.push(request.subarray(0, 8));
    expect(reader.operation()).toBeUndefined();
    reader.push(request.subarray(8));
    expect(reader.operation()).toEqual({ kind: 'import', busid: '1-3' });
  });

  it('that are none end in a format error or wait for more, never in anything else', () => {
    const readers = [(reader: UsbipReader) => reader.operation(), (reader: UsbipReader) => reader.command()];
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 48, maxLength: 200 }), fc.constantFrom(...readers), (noise, read) => {
        const reader = new UsbipReader();
        reader.push(noise);
        const thrown = whatIsThrown(() => read(reader));
        expect(thrown === undefined || thrown instanceof UsbipFormatError).toBe(true);
      }),
    );
  });

  it.each([
    ['an old version', (bytes: Buffer) => bytes.writeUInt16BE(0x0106, 0)],
    ['an unknown operation', (bytes: Buffer) => bytes.writeUInt16BE(0x8001, 2)],
  ])('refuse %s', (_, spoil) => {
    const bytes = importRequest('1-1');
    spoil(bytes);
    const reader = new UsbipReader();
    reader.push(bytes);
    expect(() => reader.operation()).toThrow(UsbipFormatError);
  });

  it.each([
    ['an unknown command', 0, 5],
    ['a length that wants all our memory', 24, LONGEST_TRANSFER + 1],
    ['a negative length', 24, 0xffffffff],
    ['an isochronous transfer', 32, 4],
  ])('refuse %s', (_, at, value) => {
    const bytes = submitRequest({ seqnum: 1, endpoint: 1, direction: 'in', length: 64 });
    bytes.writeUInt32BE(value, at);
    const reader = new UsbipReader();
    reader.push(bytes);
    expect(() => reader.command()).toThrow(UsbipFormatError);
  });
});

describe('USB/IP replies', () => {
  it('list devices with their interfaces, field by field as the kernel document has them', () => {
    const bytes = Buffer.from(devlistReply([PROBE, PROBE]));
    expect(bytes.length).toBe(12 + 2 * 316);
    expect(bytes.subarray(0, 12).toString('hex')).toBe('011100050000000000000002');
    const second = bytes.subarray(12 + 316);
    expect(second.subarray(256, 260).toString('latin1')).toBe('1-3\0');
    expect(second.subarray(288).toString('hex')).toBe('000000010000000400000003120900010123000000010101ff020300');
  });

  it('to an import are the device, or a status alone', () => {
    expect(importReply(PROBE).length).toBe(320);
    expect(Buffer.from(importReply(undefined)).toString('hex')).toBe('0111000300000001');
  });

  it('tell status and length, and carry what came in', () => {
    const bytes = Buffer.from(
      submitReply({ seqnum: 0xd05, status: Status.stall, actual: 3, data: Uint8Array.of(1, 2, 3) }),
    );
    expect(bytes.readUInt32BE(0)).toBe(3);
    expect(bytes.readUInt32BE(4)).toBe(0xd05);
    expect(bytes.readInt32BE(20)).toBe(-32);
    expect(bytes.readUInt32BE(24)).toBe(3);
    expect([...bytes.subarray(48)]).toEqual([1, 2, 3]);
    expect(Buffer.from(unlinkReply(9, true)).readInt32BE(20)).toBe(-104);
    expect(Buffer.from(unlinkReply(9, false)).readInt32BE(20)).toBe(0);
  });
});

/** The reader's bytes are parts of a Buffer here. */
function plain(command: Command): object {
  if (command.kind === 'unlink') return command;
  return { ...command, setup: new Uint8Array(command.setup), data: new Uint8Array(command.data) };
}

function whatIsThrown(work: () => unknown): unknown {
  try {
    work();
    return undefined;
  } catch (error) {
    return error;
  }
}
