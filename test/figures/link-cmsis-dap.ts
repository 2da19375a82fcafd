import { createRequire } from 'node:module';
import type { IoContext } from '#shared/base/clock.ts';
import { createBench } from '#main/bench/bench.ts';
import type { ProbeName } from '#main/bench/probe-profile.ts';
import { openCmsisDap } from '#main/probe/cmsis-dap/cmsis-dap.ts';
import { Adi } from '#main/target/adi.ts';
import { MemAp } from '#main/target/mem-ap.ts';
import { CountingLink } from '../bench/bench-run.ts';

/** What we use of dapjs, in its words: its own types bring those of WebUSB into every file of the program. */
interface Dapjs {
  readonly CmsisDAP: new (transport: DapjsTransport, mode: undefined, clockHz: number) => object;
  readonly ADI: new (proxy: object) => {
    connect(): Promise<void>;
    disconnect(): Promise<void>;
    readBlock(address: number, count: number): Promise<Uint32Array>;
    writeBlock(address: number, words: Uint32Array): Promise<void>;
  };
}

interface DapjsTransport {
  readonly packetSize: number;
  open(): Promise<void>;
  close(): Promise<void>;
  read(): Promise<DataView>;
  write(data: BufferSource): Promise<void>;
}

/** A UMD bundle, whose names Node cannot see from an import. */
const { ADI, CmsisDAP }: Dapjs = createRequire(import.meta.url)('dapjs');

/** RAM of the bench's nRF52840: memory that is never busy, so that only link and wire are measured. */
const RAM = 0x2000_0000;
const KIB = 64;
const BYTES = KIB * 1024;
/** Bits of an SWD transfer, with one cycle of turnaround each way (ADIv5.2, B4.2). */
const BITS = 46;
/** dapjs leaves it to its caller to set TAR again where auto-increment may wrap. */
const INCREMENT_BYTES = 1024;
/** All of dapjs' own transports say so, whatever the probe offers. */
const DAPJS_PACKET = 64;
const REPLY_MS = 1000;

/** Of one direction, by one driver; modelled time. */
interface Flow {
  readonly bytesPerSecond: number;
  /** Requests and replies. */
  readonly packetsPerKib: number;
}

/** Ours against what is possible, and against dapjs. */
interface Comparison {
  readonly bytesPerSecond: number;
  readonly limitBytesPerSecond: number;
  readonly ofLimit: number;
  readonly packetsPerKib: number;
  readonly dapjsBytesPerSecond: number;
  readonly dapjsPacketsPerKib: number;
  readonly timesDapjs: number;
}

type Directions = Readonly<Record<'write' | 'read', Comparison>>;

/** What link and wire allow at most, bytes a second. */
interface Limits {
  readonly write: number;
  readonly read: number;
}

interface Setup {
  readonly probe: ProbeName;
  readonly clockHz: number;
  readonly limits: Limits;
}

const V1: Setup = { probe: 'hid', clockHz: 4_000_000, limits: packetLimits(64, 1000) };
const V2: Setup = { probe: 'high-speed', clockHz: 10_000_000, limits: wireLimits(10_000_000) };

/** One packet each way at a time: DAP_TransferBlock carries (64 - 5) / 4 words out, DAP_Transfer (64 - 3) / 4 back. */
function packetLimits(packetSize: number, packetsPerSecond: number): Limits {
  const perSecond = (header: number) => 4 * Math.floor((packetSize - header) / 4) * packetsPerSecond;
  return { write: perSecond(5), read: perSecond(3) };
}

function wireLimits(clockHz: number): Limits {
  const bytesPerSecond = (clockHz / BITS) * 4;
  return { write: bytesPerSecond, read: bytesPerSecond };
}

/** Block write and block read through the whole of our path to memory, and through dapjs', on the same bench link. */
export async function measureCmsisDapLink(): Promise<Readonly<Record<'v1' | 'v2', Directions>>> {
  return { v1: await measureSetup(V1), v2: await measureSetup(V2) };
}

async function measureSetup(setup: Setup): Promise<Directions> {
  const ours = await measureOurs(setup);
  const dapjs = await measureDapjs(setup);
  const { limits } = setup;
  return {
    write: compare(ours.write, dapjs.write, limits.write),
    read: compare(ours.read, dapjs.read, limits.read),
  };
}

function compare(ours: Flow, dapjs: Flow, limit: number): Comparison {
  return {
    bytesPerSecond: ours.bytesPerSecond,
    limitBytesPerSecond: limit,
    ofLimit: ours.bytesPerSecond / limit,
    packetsPerKib: ours.packetsPerKib,
    dapjsBytesPerSecond: dapjs.bytesPerSecond,
    dapjsPacketsPerKib: dapjs.packetsPerKib,
    timesDapjs: ours.bytesPerSecond / dapjs.bytesPerSecond,
  };
}

async function measureOurs({ probe, clockHz }: Setup): Promise<{ readonly write: Flow; readonly read: Flow }> {
  const { link, io } = plugIn(probe);
  const adi = await Adi.connect(await openCmsisDap(link, io), { protocol: 'swd', clockHz }, io);
  const memory = await MemAp.open(adi, 0, io);
  const data = pattern();
  const write = await timed(link, io, () => memory.write(RAM, data, io));
  let found: Uint8Array = new Uint8Array();
  const read = await timed(link, io, async () => {
    found = await memory.read(RAM, BYTES, io);
  });
  mustBeEqual(found, data);
  await adi.port.close(io);
  return { write, read };
}

async function measureDapjs({ probe, clockHz }: Setup): Promise<{ readonly write: Flow; readonly read: Flow }> {
  const { link, io } = plugIn(probe);
  const port = new ADI(new CmsisDAP(transportOver(link, io), undefined, clockHz));
  await port.connect();
  const words = new Uint32Array(pattern().buffer);
  const step = INCREMENT_BYTES / 4;
  const write = await timed(link, io, async () => {
    for (let at = 0; at < words.length; at += step) {
      await port.writeBlock(RAM + 4 * at, words.slice(at, at + step));
    }
  });
  const found = new Uint32Array(words.length);
  const read = await timed(link, io, async () => {
    for (let at = 0; at < words.length; at += step) found.set(await port.readBlock(RAM + 4 * at, step), at);
  });
  mustBeEqual(new Uint8Array(found.buffer), new Uint8Array(words.buffer));
  await port.disconnect();
  return { write, read };
}

function plugIn(probe: ProbeName): { readonly link: CountingLink; readonly io: IoContext } {
  const { link, clock } = createBench({ startAt: 0, seed: 1 }).connect('nrf52840', 'LINK', [], { probe });
  return { link: new CountingLink(link), io: { clock, signal: new AbortController().signal } };
}

/** dapjs writes and reads a packet at a time; its buffers may be views of any kind. */
function transportOver(link: CountingLink, io: IoContext): DapjsTransport {
  return {
    packetSize: DAPJS_PACKET,
    open: async () => undefined,
    close: () => link.close(),
    write: async (data) => {
      const bytes = ArrayBuffer.isView(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : data;
      await link.write(new Uint8Array(bytes), io);
    },
    read: async () => {
      const packet = Uint8Array.from(await link.read(REPLY_MS, io));
      return new DataView(packet.buffer);
    },
  };
}

async function timed(link: CountingLink, io: IoContext, work: () => Promise<unknown>): Promise<Flow> {
  const since = io.clock.monotonic();
  const before = link.packets;
  await work();
  const ms = io.clock.monotonic() - since;
  return { bytesPerSecond: (BYTES / ms) * 1000, packetsPerKib: (link.packets - before) / KIB };
}

function pattern(): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: BYTES }, (_, index) => (index * 73 + (index >> 8)) & 0xff);
}

/** A figure of bytes that did not arrive is no figure. */
function mustBeEqual(found: Uint8Array, expected: Uint8Array): void {
  if (Buffer.compare(found, expected) !== 0) throw new Error('what was read is not what was written');
}
