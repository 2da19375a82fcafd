import * as fc from '#test/support/fast-check.ts';
import { beforeEach, describe, expect, it } from 'vitest';
import { createBench } from '#main/bench/bench.ts';
import type { ProbeName } from '#main/bench/probe-profile.ts';
import type { Submit, SubmitReply } from '#main/bench/usbip/protocol.ts';
import { plugInProbe } from '#main/bench/usbip/usb-probe.ts';
import type { PluggedDevice } from '#main/bench/usbip/usbip-device.ts';

/** DAP_Info 0xFE: how many packets it can hold. */
const ASK_COUNT = Uint8Array.of(0, 0xfe);
const ENDPOINTS = { v2: { out: 1, in: 2 }, v1: { out: 1, in: 1 } };

let probe: PluggedDevice;
let replies: SubmitReply[];
let seqnum: number;
let ms: number;

function plugIn(kind: ProbeName, faults: Parameters<typeof plugInProbe>[0]['faults'] = [], unplug = () => undefined) {
  const bench = createBench({ startAt: 0, seed: 1 });
  const options = { bench, chip: 'nrf52840', unit: 'U1', probe: kind, probeSerial: 'P1', faults, realMs: () => ms };
  probe = plugInProbe(options, unplug);
  return bench.boardFor('nrf52840', 'U1');
}

beforeEach(() => {
  replies = [];
  seqnum = 0;
  ms = 0;
});

function submit(change: Partial<Submit>): number {
  const none = new Uint8Array();
  const base = { kind: 'submit', seqnum: ++seqnum, endpoint: 0, length: 0, setup: none, data: none } as const;
  probe.device.submit({ ...base, direction: 'out', ...change }, (reply) => replies.push(reply));
  return seqnum;
}

const write = (endpoint: number, data: Uint8Array) => submit({ endpoint, direction: 'out', data, length: data.length });
const read = (endpoint: number, length: number) => submit({ endpoint, direction: 'in', length });

/** A control request to the host: type, request, value, index, length. */
function ask(type: number, request: number, value: number, index: number, length: number): SubmitReply | undefined {
  const setup = Uint8Array.of(type, request, value, value >> 8, index, index >> 8, length, length >> 8);
  submit({ direction: 'in', length, setup });
  return replies.at(-1);
}

const descriptor = (type: number, index = 0, length = 255) => ask(0x80, 6, (type << 8) | index, 0, length);
const text = (index: number) => Buffer.from(descriptor(3, index)?.data.subarray(2) ?? []).toString('utf16le');

describe('a v2 probe on the bus', () => {
  it('names itself: strings, one vendor interface, bulk OUT before bulk IN', () => {
    plugIn('high-speed');
    expect([1, 2, 3, 4].map(text)).toEqual([
      'Flashline',
      'Flashline bench CMSIS-DAP v2 (high speed)',
      'P1',
      'Flashline bench CMSIS-DAP v2',
    ]);
    const bytes = Buffer.from(descriptor(2)?.data ?? []);
    expect(bytes.readUInt16LE(2)).toBe(bytes.length);
    expect([...bytes.subarray(9 + 5, 9 + 9)]).toEqual([0xff, 0, 0, 4]);
    expect([...bytes.subarray(18)]).toEqual([7, 5, 1, 2, 0, 2, 0, 7, 5, 0x82, 2, 0, 2, 0]);
    // A host first asks for the head alone.
    expect(descriptor(2, 0, 9)?.data.length).toBe(9);
    expect(descriptor(3, 9)).toMatchObject({ status: -32, actual: 0 });
  });

  it('is bound to WinUSB: the capability leads to a descriptor set that is as long as it says', () => {
    plugIn('full-speed');
    const bos = Buffer.from(descriptor(0x0f)?.data ?? []);
    expect(bos.readUInt16LE(2)).toBe(bos.length);
    expect(bos[4]).toBe(1);
    const [vendorCode = 0, setLength] = [bos[5 + 26], bos.readUInt16LE(5 + 24)];
    const set = Buffer.from(ask(0xc0, vendorCode, 0, 7, 4096)?.data ?? []);
    expect(set.length).toBe(setLength);
    expect(set.readUInt16LE(8)).toBe(set.length);
    const kinds = [];
    for (let at = 10; at < set.length; at += set.readUInt16LE(at)) kinds.push(set.readUInt16LE(at + 2));
    expect(kinds).toEqual([3, 4]);
    expect(set.toString('latin1', 14, 20)).toBe('WINUSB');
    expect(set.toString('utf16le', 30)).toContain('{CDB3B5AD-293B-4663-AA36-1AAE46463776}');
    expect(ask(0xc0, vendorCode, 0, 5, 4096)?.status).toBe(-32);
  });

  it('answers in order, whether the host reads first or writes first', () => {
    plugIn('high-speed');
    const early = read(ENDPOINTS.v2.in, 512);
    const sent = write(ENDPOINTS.v2.out, ASK_COUNT);
    const late = [write(ENDPOINTS.v2.out, Uint8Array.of(0, 0xff)), read(ENDPOINTS.v2.in, 512)];
    expect(replies.map((reply) => reply.seqnum)).toEqual([sent, early, ...late]);
    expect(replies.map(({ data }) => [...data])).toEqual([[], [0, 1, 4], [], [0, 2, 0, 2]]);
  });

  it('lets a packet that finds no buffer wait until a response was fetched', () => {
    plugIn('high-speed');
    const sent = [0, 1, 2, 3, 4].map(() => write(ENDPOINTS.v2.out, ASK_COUNT));
    expect(replies.map((reply) => reply.seqnum)).toEqual(sent.slice(0, 4));
    const fetched = read(ENDPOINTS.v2.in, 512);
    expect(replies.slice(4).map((reply) => reply.seqnum)).toEqual([fetched, sent[4]]);
    expect(probe.counts()).toMatchObject({ requests: 5, responses: 1, dropped: 0 });
  });

  it('does not answer a transfer that was taken back, and keeps the response for the next', () => {
    plugIn('high-speed');
    const waiting = read(ENDPOINTS.v2.in, 512);
    expect(probe.device.unlink(waiting)).toBe(true);
    expect(probe.device.unlink(waiting)).toBe(false);
    write(ENDPOINTS.v2.out, ASK_COUNT);
    const next = read(ENDPOINTS.v2.in, 512);
    expect(replies.filter(({ data }) => data.length > 0)).toMatchObject([{ seqnum: next, actual: 3 }]);
  });

  it('ends a transfer at a short packet, goes on after a full one, and overflows a buffer that is too short', () => {
    plugIn('full-speed');
    // 62 bytes of one answer fill a packet of 64: the transfer is not over.
    const full = Uint8Array.of(0x7f, 30, ...Array.from({ length: 30 }, () => [0x11, 0]).flat());
    write(ENDPOINTS.v2.out, full);
    const long = read(ENDPOINTS.v2.in, 512);
    const answered = () => replies.filter(({ data }) => data.length > 0).map((reply) => [reply.seqnum, reply.actual]);
    const response = answered();
    write(ENDPOINTS.v2.out, ASK_COUNT);
    write(ENDPOINTS.v2.out, ASK_COUNT);
    expect(answered()).toEqual([[long, response[0]?.[1] ?? 0]]);
    const short = read(ENDPOINTS.v2.in, 2);
    expect(replies.find((reply) => reply.seqnum === short)).toMatchObject({ status: -75, actual: 0 });
  });

  it('takes nothing on endpoints that it does not have', () => {
    plugIn('high-speed');
    write(3, ASK_COUNT);
    read(1, 64);
    expect(replies.map(({ status }) => status)).toEqual([-32, -32]);
  });

  it('gives way to whatever control request comes', () => {
    plugIn('high-speed');
    const byte = fc.nat(255);
    const word = fc.nat(0xffff);
    fc.assert(
      fc.property(byte, byte, word, word, word, (...setup) => {
        const reply = ask(...setup);
        expect([0, -32]).toContain(reply?.status);
        expect(reply?.data.length).toBeLessThanOrEqual(setup[4]);
      }),
    );
  });
});

describe('a v1 probe on the bus', () => {
  it('is a HID device with reports of 64 bytes each way', () => {
    plugIn('hid-single');
    const report = Buffer.from(ask(0x81, 6, 0x2200, 0, 255)?.data ?? []);
    const hid = Buffer.from(ask(0x81, 6, 0x2100, 0, 255)?.data ?? []);
    expect(hid.readUInt16LE(7)).toBe(report.length);
    expect(report.toString('hex')).toMatch(/^0600ff.*9540.*8102.*9540.*9102c0$/u);
    write(ENDPOINTS.v1.out, Uint8Array.of(...ASK_COUNT, ...new Uint8Array(62)));
    read(ENDPOINTS.v1.in, 64);
    expect(replies.at(-1)).toMatchObject({ status: 0, actual: 64 });
    expect([...(replies.at(-1)?.data.subarray(0, 4) ?? [])]).toEqual([0, 1, 1, 0]);
  });

  it('takes packets as control transfers too, and loses one that finds no buffer', () => {
    plugIn('hid-single');
    const setup = Uint8Array.of(0x21, 9, 0, 2, 0, 0, 64, 0);
    submit({ data: ASK_COUNT, length: 2, setup });
    write(ENDPOINTS.v1.out, ASK_COUNT);
    expect(replies.map(({ status }) => status)).toEqual([0, 0]);
    expect(probe.counts()).toMatchObject({ requests: 1, dropped: 1 });
    read(ENDPOINTS.v1.in, 64);
    const second = read(ENDPOINTS.v1.in, 64);
    expect(replies.map((reply) => reply.seqnum)).not.toContain(second);
  });
});

describe('time and faults', () => {
  it("what the host waits for real passes on the board's clock too, but never more than it can catch up with", () => {
    const board = plugIn('high-speed');
    write(ENDPOINTS.v2.out, ASK_COUNT);
    const before = board.clock.elapsedNs;
    ms += 2;
    write(ENDPOINTS.v2.out, ASK_COUNT);
    expect(board.clock.elapsedNs - before).toBe(2_000_000);
    ms += 60_000;
    write(ENDPOINTS.v2.out, ASK_COUNT);
    expect(board.clock.elapsedNs - before).toBe(102_000_000);
  });

  it('a probe that is to be pulled out is, before the packet that is due', () => {
    let pulled = 0;
    plugIn('high-speed', [{ kind: 'unplug', after: 2 }], () => void pulled++);
    for (const _ of [0, 1, 2]) write(ENDPOINTS.v2.out, ASK_COUNT);
    expect(pulled).toBe(1);
    expect(probe.counts().requests).toBe(2);
  });

  it('a silent probe takes packets and says nothing', () => {
    plugIn('high-speed', [{ kind: 'silent', after: 1 }]);
    write(ENDPOINTS.v2.out, ASK_COUNT);
    write(ENDPOINTS.v2.out, ASK_COUNT);
    read(ENDPOINTS.v2.in, 512);
    const second = read(ENDPOINTS.v2.in, 512);
    expect(replies.map((reply) => reply.seqnum)).not.toContain(second);
    expect(probe.counts()).toMatchObject({ requests: 2, responses: 1 });
  });
});
