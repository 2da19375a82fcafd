import { assertNever } from '#shared/base/assert-never.ts';
import { hexAddress } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Link } from '../../link/link.ts';
import type { DebugPort, Match, Transfer, Wire, WireClock } from '../debug-port.ts';
import type { Progress } from '../memory-access.ts';
import { clockLadder, SLOWEST_HZ } from './noise.ts';
import {
  decodeIdcode,
  jtagIdcodePacket,
  STATUS_OK,
  swjSequencePacket,
  transferConfigurePacket,
  writeAbortPacket,
} from './packets.ts';
import { Probe, type ProbeDescription, tearDown } from './probe.ts';
import {
  type Acknowledge,
  decodeTransferReply,
  packTransfers,
  type TransferPacket,
  type TransferReply,
  wordsRead,
} from './transfers.ts';
import { rulesOf, type WireRules } from './wires.ts';

/** DP registers (ADIv5.2, B2.2), A[3:2]; with DPBANKSEL in SELECT's lowest bits. */
const CTRL_STAT = 0x4;
const SELECT = 0x8;
const BANKED = 0x4;
const TARGETID_BANK = 0x2;
const DLPIDR_BANK = 0x3;
const DPIDR: Transfer = { port: 'dp', address: 0x0, read: true };
const STATUS: Transfer = { port: 'dp', address: CTRL_STAT, read: true };

/** ABORT (B2.2.1): clears STICKYCMP, STICKYERR, WDATAERR and STICKYORUN. */
const ABORT_CLEAR = 0x1e;
/** DAPABORT, which ends an AP access that has said WAIT for too long. */
const ABORT_STUCK = 0x01;

/** CTRL/STAT (B2.2.2). */
const STICKY_FLAGS = 0x32;
const WDATAERR = 0x80;

const WAIT_SECONDS = 0.2;
/** Short enough that an abort between polls is prompt, long enough that USB's latency does not show. */
const POLL_SECONDS = 0.1;
const MAX_RETRIES = 0xffff;

/** Harmless accesses that a noisy wire is very unlikely to carry without a scratch. */
const TRIAL_WRITES = 12;
const TRIAL_READS = 120;

/** Opens a CMSIS-DAP probe (v1 or v2) over a packet link, asking for its limits before anything else. Closes the link when it fails. */
export async function openCmsisDap(link: Link, io: IoContext): Promise<DebugPort> {
  return new CmsisDap(await Probe.open(link, io));
}

class CmsisDap implements DebugPort {
  readonly #probe: Probe;
  #rules: WireRules = rulesOf({ protocol: 'swd', clockHz: 0 });
  #clock: WireClock | undefined;
  /** Noise was met above this. */
  #quietHz = Infinity;
  #waitSeconds = WAIT_SECONDS;
  /** SELECT.DPBANKSEL as last written. */
  #dpBank = 0;

  constructor(probe: Probe) {
    this.#probe = probe;
  }

  /** Tries the asked clock first, and slower ones for as long as the wire is noisy or nothing answers. */
  async connect(wire: Wire, io: IoContext): Promise<number> {
    this.#rules = rulesOf(wire);
    await this.#probe.takePins(this.#rules.mode, io);
    if (!(await this.#probe.obeys(this.#rules.setUp, io))) {
      throw this.#probe.unsuited(`it refuses the set-up of ${this.#rules.mode.toUpperCase()}`);
    }
    let noise = this.#quietHz < wire.clockHz;
    let failure: unknown;
    let triedHz: number | undefined;
    for (const hz of clockLadder(Math.min(wire.clockHz, this.#quietHz))) {
      const usedHz = await this.#probe.setClock(hz, io);
      if (usedHz === undefined || usedHz === triedHz) continue;
      triedHz = usedHz;
      try {
        await this.#configure(usedHz, io);
        const id = await this.#wake(io);
        await this.#refuseNoise(io);
        this.#clock = wireClock(wire.clockHz, usedHz, noise);
        return id;
      } catch (error) {
        if (!isLineTrouble(error)) throw error;
        failure = graver(failure, error);
        noise ||= error.failure.code === 'wire-noise';
      }
    }
    throw failure ?? this.#probe.unsuited(`it refuses every clock up to ${wire.clockHz} Hz`);
  }

  async #configure(clockHz: number, io: IoContext): Promise<void> {
    const { waitBits, readBits } = this.#rules;
    const waitRetry = Math.min(MAX_RETRIES, Math.ceil((clockHz * WAIT_SECONDS) / waitBits));
    const matchRetry = Math.min(MAX_RETRIES, Math.ceil((clockHz * POLL_SECONDS) / readBits));
    this.#waitSeconds = (waitRetry * waitBits) / clockHz;
    await this.#probe.order([transferConfigurePacket(0, waitRetry, matchRetry)], io);
  }

  async #wake(io: IoContext): Promise<number> {
    let failure: unknown;
    for (const way of this.#rules.ways) {
      try {
        await this.#send(way, io);
        return this.#rules.mode === 'swd' ? await this.#identifySwd(io) : await this.#identifyJtag(io);
      } catch (error) {
        if (!isLineTrouble(error)) throw error;
        failure = graver(failure, error);
      }
    }
    throw failure;
  }

  async #identifySwd(io: IoContext): Promise<number> {
    const [dpidr = 0] = await this.#carry([DPIDR], io);
    await this.#abort(ABORT_CLEAR, io);
    if (this.#rules.targetSel !== undefined) await this.#refuseOtherTarget(this.#rules.targetSel, io);
    return dpidr;
  }

  /** TARGETID says which kind of port answers (B2.2.9), DLPIDR which of several of the kind (B2.2.3). */
  async #refuseOtherTarget(targetSel: number, io: IoContext): Promise<void> {
    const bank = (value: number): Transfer => ({ port: 'dp', address: SELECT, read: false, value });
    const banked: Transfer = { port: 'dp', address: BANKED, read: true };
    const [targetId = 0, dlpidr = 0] = await this.#carry(
      [bank(TARGETID_BANK), banked, bank(DLPIDR_BANK), banked, bank(0)],
      io,
    );
    const found = ((targetId & 0x0fff_ffff) | (dlpidr & 0xf000_0000)) >>> 0;
    if (found === targetSel >>> 0) return;
    throw new FlashlineError('wrong-chip', {
      params: { register: 'TARGETID/DLPIDR', found: hexAddress(found), expected: hexAddress(targetSel >>> 0) },
    });
  }

  /** The TAP's IDCODE stands for DPIDR where the port is of version 0, which has none over JTAG (B2.2.5). */
  async #identifyJtag(io: IoContext): Promise<number> {
    const idcode = decodeIdcode(await this.#probe.queue.call(jtagIdcodePacket(this.#rules.index), io));
    if (idcode === undefined) throw this.#probe.unsuited('it refuses to read the IDCODE of the TAP');
    // Bit 0 of an IDCODE is one, and a manufacturer is never all ones (IEEE 1149.1, 12.1).
    if ((idcode & 1) === 0 || idcode === 0xffff_ffff) throw new FlashlineError('no-target');
    const [dpidr = 0] = await this.#carry([DPIDR], io);
    await this.#clearSticky(io);
    const version = (dpidr >>> 12) & 0xf;
    return (dpidr & 1) === 1 && version >= 1 && version < 0xf ? dpidr : idcode;
  }

  /** A wire that answers once may still be too fast: what follows would fail in the middle of a board. */
  async #refuseNoise(io: IoContext): Promise<void> {
    const swd = this.#rules.mode === 'swd';
    const writes: Transfer = { port: 'dp', address: SELECT, words: new Uint32Array(TRIAL_WRITES) };
    // Over JTAG nothing has parity: a register that stands still must read the same all the time.
    const reads: Transfer = { port: 'dp', address: swd ? 0x0 : CTRL_STAT, readCount: TRIAL_READS };
    const words = await this.transfer([writes, reads], io).catch((error: unknown) => {
      // The debug port's own registers cannot fault.
      throw isFault(error) ? damagedWrite(error) : error;
    });
    if (words.some((word) => word !== words[0])) {
      throw new FlashlineError('wire-noise', { params: { detail: 'a register reads differently each time' } });
    }
  }

  async transfer(batch: readonly Transfer[], io: IoContext, progress?: Progress): Promise<Uint32Array> {
    try {
      const words = await this.#carry(batch, io, progress);
      await this.#refuseSticky(io);
      return words;
    } catch (error) {
      throw await this.#recovered(error, io);
    }
  }

  async poll(before: readonly Transfer[], match: Match, io: IoContext): Promise<boolean> {
    let matched = true;
    try {
      await this.#probe.queue.run(this.#pack([...before, match]), io, (packet, reply) => {
        const result = decodeTransferReply(packet, reply);
        matched = result.acknowledge !== 'mismatch';
        if (matched) this.#check(packet, result);
        return matched;
      });
      await this.#refuseSticky(io);
    } catch (error) {
      throw await this.#recovered(error, io);
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
    await this.reset(true, io);
    try {
      await io.clock.sleep(ms, io.signal);
    } finally {
      await this.reset(false, tearDown(io));
    }
  }

  reset(asserted: boolean, io: IoContext): Promise<boolean> {
    return this.#probe.drive('srst', asserted, io);
  }

  wireClock(): WireClock | undefined {
    return this.#clock;
  }

  describe(): ProbeDescription {
    return this.#probe.description;
  }

  close(io: IoContext): Promise<void> {
    return this.#probe.close(io);
  }

  #pack(batch: readonly Transfer[]): Generator<TransferPacket, void> {
    for (const transfer of batch) {
      if (transfer.port !== 'dp' || transfer.address !== SELECT) continue;
      if ('words' in transfer) this.#dpBank = (transfer.words.at(-1) ?? this.#dpBank) & 0xf;
      else if ('value' in transfer) this.#dpBank = transfer.value & 0xf;
    }
    return packTransfers(batch, {
      packetSize: this.#probe.limits.packetSize,
      index: this.#rules.index,
      pollMs: POLL_SECONDS * 1000,
    });
  }

  async #carry(batch: readonly Transfer[], io: IoContext, progress?: Progress): Promise<Uint32Array> {
    const words = new Uint32Array(wordsRead(batch));
    let at = 0;
    let bytesDone = 0;
    await this.#probe.queue.run(this.#pack(batch), io, (packet, reply) => {
      this.#check(packet, decodeTransferReply(packet, reply));
      if (reply.length < packet.dataAt + 4 * packet.words) throw this.#probe.protocolError('a reply lacks data words');
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
      throw this.#probe.protocolError(`it did ${result.done} of ${packet.count} transfers and calls that well`);
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
        return targetFault();
      case 'noise':
        return new FlashlineError('wire-noise', { params: { detail: 'parity or acknowledge damaged' } });
      case 'mismatch':
        return new FlashlineError('target-stuck', { params: { seconds: POLL_SECONDS } });
      default:
        return assertNever(acknowledge, 'acknowledge');
    }
  }

  /** JTAG has no FAULT: a failed access shows in the sticky flags only (B3.2.3), which hold up what comes after it. */
  async #refuseSticky(io: IoContext): Promise<void> {
    if (this.#rules.mode === 'swd' || this.#dpBank !== 0) return;
    const [status = 0] = await this.#carry([STATUS], io);
    if (status & STICKY_FLAGS) throw targetFault();
  }

  /** After a failed batch the port is usable again, if anything can make it so. Resolves to the failure to tell. */
  async #recovered(error: unknown, io: IoContext): Promise<unknown> {
    if (!(error instanceof FlashlineError)) return error;
    let failure = error;
    const quiet = tearDown(io);
    const { code } = error.failure;
    try {
      if (code === 'target-fault' && (await this.#clearFault(quiet))) failure = damagedWrite(error);
      if (code === 'target-stuck') await this.#unstick(quiet);
      if (code === 'wire-noise' || code === 'no-target') await this.#resync(quiet);
    } catch (secondary) {
      // What cannot be recovered fails again at the next batch; the first failure is the one that explains.
      if (!(secondary instanceof FlashlineError)) throw secondary;
      if (isFault(error) && isLineTrouble(secondary)) failure = damagedWrite(error);
    }
    if (failure.failure.code === 'wire-noise' && this.#clock) {
      this.#quietHz = Math.max(SLOWEST_HZ, Math.floor(this.#clock.usedHz / 2));
    }
    return failure;
  }

  async #unstick(io: IoContext): Promise<void> {
    if (this.#rules.mode === 'swd') {
      await this.#abort(ABORT_STUCK | ABORT_CLEAR, io);
      return;
    }
    await this.#abort(ABORT_STUCK, io);
    await this.#clearSticky(io);
  }

  async #resync(io: IoContext): Promise<void> {
    await this.#send(this.#rules.resync, io);
    await this.#carry([DPIDR], io);
    await this.#clearSticky(io);
  }

  /** Resolves to whether the fault was the wire's: write data arrived with its parity wrong. */
  async #clearFault(io: IoContext): Promise<boolean> {
    if (this.#rules.mode === 'jtag' || this.#dpBank !== 0) {
      await this.#clearSticky(io);
      return false;
    }
    const [status = 0] = await this.#carry([STATUS], io);
    await this.#clearSticky(io);
    return (status & WDATAERR) !== 0;
  }

  /** Over SWD by ABORT, over JTAG by writing ones to the flags where they stand (B2.2.2). */
  async #clearSticky(io: IoContext): Promise<void> {
    if (this.#rules.mode === 'swd') {
      await this.#abort(ABORT_CLEAR, io);
      return;
    }
    await this.#carry([{ port: 'dp', address: SELECT, read: false, value: 0 }], io);
    const [status = 0] = await this.#carry([STATUS], io);
    await this.#carry([{ port: 'dp', address: CTRL_STAT, read: false, value: status }], io);
  }

  /** The wire never refuses a write to ABORT; an error status means that nobody was there to take it. */
  async #abort(value: number, io: IoContext): Promise<void> {
    const reply = await this.#probe.queue.call(writeAbortPacket(this.#rules.index, value), io);
    if (reply[1] !== STATUS_OK) throw new FlashlineError('no-target');
  }

  #send(sequences: readonly Uint8Array[], io: IoContext): Promise<void> {
    return this.#probe.order(sequences.map(swjSequencePacket), io);
  }
}

function wireClock(askedHz: number, usedHz: number, noise: boolean): WireClock {
  if (usedHz >= askedHz) return { askedHz, usedHz };
  return { askedHz, usedHz, limitedBy: noise ? 'noise' : 'probe' };
}

/** The memory access port knows which address that was, and fills it in. */
function targetFault(): FlashlineError {
  return new FlashlineError('target-fault', { params: { address: 'debug port' } });
}

function damagedWrite(cause: FlashlineError): FlashlineError {
  return new FlashlineError('wire-noise', { params: { detail: 'the chip received damaged data' }, cause });
}

/** Noise says more than silence does. */
function graver(known: unknown, error: FlashlineError): unknown {
  return known === undefined || error.failure.code === 'wire-noise' ? error : known;
}

function isFault(error: unknown): error is FlashlineError {
  return error instanceof FlashlineError && error.failure.code === 'target-fault';
}

function isLineTrouble(error: unknown): error is FlashlineError {
  return error instanceof FlashlineError && (error.failure.code === 'no-target' || error.failure.code === 'wire-noise');
}
