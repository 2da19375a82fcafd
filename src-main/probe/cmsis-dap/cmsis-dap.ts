import { assertNever } from '#shared/base/assert-never.ts';
import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Link } from '../../link/link.ts';
import type { DebugPort, Match, Transfer, Wire } from '../debug-port.ts';
import type { Progress } from '../memory-access.ts';
import {
  connectSwdPacket,
  decodeInfo,
  decodeInfoString,
  disconnectPacket,
  hostStatusPacket,
  INFO,
  infoPacket,
  type Packet,
  STATUS_OK,
  swdConfigurePacket,
  swjClockPacket,
  swjPinsPacket,
  swjSequencePacket,
  transferConfigurePacket,
  writeAbortPacket,
} from './packets.ts';
import { PacketQueue, type ProbeLimits } from './queue.ts';
import {
  type Acknowledge,
  decodeTransferReply,
  packTransfers,
  type TransferPacket,
  type TransferReply,
  wordsRead,
} from './transfers.ts';

/** The smallest packet of any CMSIS-DAP probe (full-speed HID); what we ask before we know better fits in it. */
const SMALLEST_PACKET = 64;
/** A larger answer is damage, not generosity: the longest USB bulk packet of any probe we know is 1024 bytes. */
const LARGEST_PACKET = 65_535;

/** DP ABORT (ADIv5.2, B2.2.1): clears STICKYCMP, STICKYERR, WDATAERR and STICKYORUN. */
const ABORT_CLEAR = 0x1e;
/** And DAPABORT, which ends an AP access that has said WAIT for too long. */
const ABORT_STUCK = 0x1f;

/** At least 50 ones, JTAG-to-SWD (0xE79E, LSB first), at least 50 ones, at least 2 zeros (ADIv5.2, B5.2.1). */
const JTAG_TO_SWD = Uint8Array.of(...ones(7), 0x9e, 0xe7, ...ones(7), 0x00);
const LINE_RESET = Uint8Array.of(...ones(7), 0x00);
const DPIDR: Transfer = { port: 'dp', address: 0x0, read: true };

/** Bits on the wire of one try that gets WAIT, and of a whole read: what the retry limits are reckoned from. */
const WAIT_BITS = 13;
const READ_BITS = 46;
const WAIT_SECONDS = 0.2;
/** Short enough that an abort between polls is prompt, long enough that USB's latency does not show. */
const POLL_SECONDS = 0.1;
const MAX_RETRIES = 0xffff;

const NRESET = 0x80;
const CONNECT_ATTEMPTS = 3;

/** Opens a CMSIS-DAP probe (v1 or v2) over a packet link, asking for its limits before anything else. Closes the link when it fails. */
export async function openCmsisDap(link: Link, io: IoContext): Promise<DebugPort> {
  try {
    const limits = await askLimits(link, io);
    link.expectPackets?.(limits.packetSize);
    const queue = new PacketQueue(link, limits);
    return new CmsisDap(link, queue, limits, {
      vendor: await askString(queue, INFO.vendor, link, io),
      product: await askString(queue, INFO.product, link, io),
      serial: await askString(queue, INFO.serial, link, io),
      // The product's own version came with 2.1; older probes tell the protocol's.
      firmware: (await askString(queue, INFO.firmware, link, io)) || (await askString(queue, INFO.protocol, link, io)),
    });
  } catch (error) {
    await link.close();
    throw error;
  }
}

async function askLimits(link: Link, io: IoContext): Promise<ProbeLimits> {
  const cautious = new PacketQueue(link, { packetSize: SMALLEST_PACKET, packetCount: 1 }, true);
  const size = await askInfo(cautious, INFO.packetSize, link, io);
  const count = await askInfo(cautious, INFO.packetCount, link, io);
  const packetSize = (size[0] ?? 0) | ((size[1] ?? 0) << 8);
  const packetCount = count[0] ?? 0;
  if (size.length < 2 || packetSize < SMALLEST_PACKET || packetSize > LARGEST_PACKET || packetCount < 1) {
    throw protocolError(link, `it offers ${packetCount} packets of ${packetSize} bytes`);
  }
  return { packetSize, packetCount };
}

async function askInfo(queue: PacketQueue, id: number, link: Link, io: IoContext): Promise<Uint8Array> {
  const data = decodeInfo(await queue.call(infoPacket(id), io));
  if (data === undefined) throw protocolError(link, `its information ${id} is cut short`);
  return data;
}

async function askString(queue: PacketQueue, id: number, link: Link, io: IoContext): Promise<string> {
  return decodeInfoString(await askInfo(queue, id, link, io));
}

interface Description {
  readonly vendor: string;
  readonly product: string;
  readonly serial: string;
  readonly firmware: string;
}

class CmsisDap implements DebugPort {
  readonly #link: Link;
  readonly #queue: PacketQueue;
  readonly #limits: ProbeLimits;
  readonly #description: Description;
  #waitSeconds = WAIT_SECONDS;

  constructor(link: Link, queue: PacketQueue, limits: ProbeLimits, description: Description) {
    this.#link = link;
    this.#queue = queue;
    this.#limits = limits;
    this.#description = description;
  }

  async connect(wire: Wire, io: IoContext): Promise<number> {
    if (wire.protocol !== 'swd') {
      throw new FlashlineError('probe-unsuited', { params: { url: this.#link.url, detail: 'it does not offer JTAG' } });
    }
    const { clockHz } = wire;
    const mode = await this.#queue.call(connectSwdPacket(), io);
    if (mode[1] !== 1) {
      throw new FlashlineError('probe-unsuited', { params: { url: this.#link.url, detail: 'it does not offer SWD' } });
    }
    const waitRetry = Math.min(MAX_RETRIES, Math.ceil((clockHz * WAIT_SECONDS) / WAIT_BITS));
    const matchRetry = Math.min(MAX_RETRIES, Math.ceil((clockHz * POLL_SECONDS) / READ_BITS));
    this.#waitSeconds = (waitRetry * WAIT_BITS) / clockHz;
    await this.#order(swjClockPacket(clockHz), io);
    await this.#order(transferConfigurePacket(0, waitRetry, matchRetry), io);
    await this.#order(swdConfigurePacket(), io);
    // A light is a courtesy: a probe without one answers with an error status, which is fine.
    await this.#queue.call(hostStatusPacket(0, true), io);
    return this.#wake(io);
  }

  async #wake(io: IoContext): Promise<number> {
    for (let attempt = 1; ; attempt++) {
      await this.#order(swjSequencePacket(JTAG_TO_SWD), io);
      try {
        const [dpidr = 0] = await this.#carry([DPIDR], io);
        await this.#abort(ABORT_CLEAR, io);
        return dpidr;
      } catch (error) {
        if (!isLineTrouble(error) || attempt === CONNECT_ATTEMPTS) throw error;
      }
    }
  }

  async transfer(batch: readonly Transfer[], io: IoContext, progress?: Progress): Promise<Uint32Array> {
    try {
      return await this.#carry(batch, io, progress);
    } catch (error) {
      await this.#recover(error, io);
      throw error;
    }
  }

  async poll(before: readonly Transfer[], match: Match, io: IoContext): Promise<boolean> {
    let matched = true;
    try {
      await this.#queue.run(packTransfers([...before, match], this.#limits.packetSize), io, (packet, reply) => {
        const result = decodeTransferReply(packet, reply);
        matched = result.acknowledge !== 'mismatch';
        if (matched) this.#check(packet, result);
        return matched;
      });
    } catch (error) {
      await this.#recover(error, io);
      throw error;
    }
    return matched;
  }

  readBlock(address: number, count: number, io: IoContext, progress?: Progress): Promise<Uint32Array> {
    return this.transfer([{ port: 'ap', address, readCount: count }], io, progress);
  }

  async writeBlock(address: number, words: Uint32Array, io: IoContext, progress?: Progress): Promise<void> {
    await this.transfer([{ port: 'ap', address, words }], io, progress);
  }

  async pulseReset(ms: number, io: IoContext): Promise<void> {
    await this.#queue.call(swjPinsPacket(0, NRESET, 0), io);
    try {
      await io.clock.sleep(ms, io.signal);
    } finally {
      await this.#queue.call(swjPinsPacket(NRESET, NRESET, 0), this.#tearDown(io));
    }
  }

  describe(): Description {
    return this.#description;
  }

  async close(io: IoContext): Promise<void> {
    const quiet = this.#tearDown(io);
    try {
      await this.#queue.call(hostStatusPacket(0, false), quiet);
      await this.#queue.call(disconnectPacket(), quiet);
    } catch (error) {
      // A probe that is gone or mute needs no goodbye; anything else is a fault of ours.
      if (!(error instanceof FlashlineError) || !error.failure.code.startsWith('probe-')) throw error;
    } finally {
      await this.#link.close();
    }
  }

  async #carry(batch: readonly Transfer[], io: IoContext, progress?: Progress): Promise<Uint32Array> {
    const words = new Uint32Array(wordsRead(batch));
    let at = 0;
    let bytesDone = 0;
    await this.#queue.run(packTransfers(batch, this.#limits.packetSize), io, (packet, reply) => {
      this.#check(packet, decodeTransferReply(packet, reply));
      if (reply.length < packet.dataAt + 4 * packet.words) throw protocolError(this.#link, 'a reply lacks data words');
      const view = new DataView(reply.buffer, reply.byteOffset, reply.byteLength);
      for (let i = 0; i < packet.words; i++) words[at++] = view.getUint32(packet.dataAt + 4 * i, true);
      bytesDone += packet.blockBytes;
      if (packet.blockBytes > 0) progress?.(bytesDone);
      return true;
    });
    return words;
  }

  #check(packet: TransferPacket, result: TransferReply): void {
    const failure = this.#failureOf(result.acknowledge);
    if (failure !== undefined) throw failure;
    if (result.done !== packet.count) {
      throw protocolError(this.#link, `it did ${result.done} of ${packet.count} transfers and calls that well`);
    }
  }

  #failureOf(acknowledge: Acknowledge): FlashlineError | undefined {
    switch (acknowledge) {
      case 'ok':
        return undefined;
      case 'silent':
        return new FlashlineError('no-target');
      case 'wait':
        return new FlashlineError('target-stuck', { params: { seconds: this.#waitSeconds.toFixed(1) } });
      case 'fault':
        // The memory access port knows which address that was, and fills it in.
        return new FlashlineError('target-fault', { params: { address: 'debug port' } });
      case 'noise':
        return new FlashlineError('wire-noise', { params: { detail: 'parity or acknowledge damaged' } });
      case 'mismatch':
        return new FlashlineError('target-stuck', { params: { seconds: POLL_SECONDS } });
      default:
        return assertNever(acknowledge, 'acknowledge');
    }
  }

  /** After a failed batch the port is usable again, if anything can make it so: the failure itself is the caller's to tell. */
  async #recover(error: unknown, io: IoContext): Promise<void> {
    if (!(error instanceof FlashlineError)) return;
    const quiet = this.#tearDown(io);
    const { code } = error.failure;
    try {
      if (code === 'target-fault') await this.#abort(ABORT_CLEAR, quiet);
      if (code === 'target-stuck') await this.#abort(ABORT_STUCK, quiet);
      if (code === 'wire-noise' || code === 'no-target') {
        await this.#order(swjSequencePacket(LINE_RESET), quiet);
        await this.#carry([DPIDR], quiet);
        await this.#abort(ABORT_CLEAR, quiet);
      }
    } catch (secondary) {
      // What cannot be recovered fails again at the next batch; the first failure is the one that explains.
      if (!(secondary instanceof FlashlineError)) throw secondary;
    }
  }

  /** The wire never refuses a write to ABORT; an error status means that nobody was there to take it. */
  async #abort(value: number, io: IoContext): Promise<void> {
    const reply = await this.#queue.call(writeAbortPacket(value), io);
    if (reply[1] !== STATUS_OK) throw new FlashlineError('no-target');
  }

  async #order(packet: Packet, io: IoContext): Promise<void> {
    const reply = await this.#queue.call(packet, io);
    if (reply[1] !== STATUS_OK) throw protocolError(this.#link, `it refuses command ${packet.request[0]}`);
  }

  #tearDown(io: IoContext): IoContext {
    return { clock: io.clock, signal: new AbortController().signal };
  }
}

function isLineTrouble(error: unknown): boolean {
  return error instanceof FlashlineError && (error.failure.code === 'no-target' || error.failure.code === 'wire-noise');
}

function protocolError(link: Link, detail: string): FlashlineError {
  return new FlashlineError('probe-protocol', { params: { url: link.url, detail } });
}

function ones(bytes: number): number[] {
  return Array.from({ length: bytes }, () => 0xff);
}
