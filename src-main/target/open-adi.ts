import { hexAddress } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import { type ChipDescription, type DebugChip, debugChip } from '#shared/model/chip.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Interface } from '#shared/model/recipe.ts';
import type { DebugPort, Wire } from '../probe/debug-port.ts';
import { Adi } from './adi.ts';
import { CortexM } from './cortex-m.ts';
import { decodeIdr } from './debug-ids.ts';
import { readDebugView } from './debug-view.ts';
import { identifyChip } from './identity.ts';
import { MemAp } from './mem-ap.ts';
import { isResetting, orResetting } from './protection/after-reset.ts';
import { protectionOf, writeProtectionOf } from './protection/protection-of.ts';
import type { Access, Protection } from './protection/protection.ts';
import { rangesText, WRITE_PROTECTION, type WriteProtection } from './protection/write-protection.ts';
import type { Identity, Target } from './target.ts';

export interface AdiOptions {
  /** False where nothing executes behind the debug port: the bench. */
  readonly executesCode: boolean;
}

/** What is to be reached, and by which of its interfaces. */
export interface AdiUnit {
  readonly chip: ChipDescription;
  readonly interface: Interface;
}

/** Long enough for the supply of a chip that browns out on its reset line, short enough for a conveyor. */
const RESET_HOLD_MS = 20;

/**
 * Connects to the chip behind a debug port: the wire at the chip's top speed, debug power, the bus's access port.
 * Where nothing answers, once more with the chip held in reset: firmware may have taken the pins, or sleep.
 * Rejects with `no-target`, `target-stuck`, `wire-noise`, `wrong-chip` (no bus to access) or
 * `interface-unsupported`; the debug port is closed by then. A locked chip is opened as well: `identify` refuses it.
 */
export async function openAdiTarget(
  debugPort: DebugPort,
  unit: AdiUnit,
  io: IoContext,
  options: AdiOptions = { executesCode: true },
): Promise<Target> {
  try {
    const chip = debugChip(unit.chip, unit.interface);
    const wire = wireOf(chip, unit.interface);
    const adi = await connectIfAny(debugPort, wire, io);
    if (!adi) return await openUnderReset(debugPort, chip, wire, io, options);
    return adiTarget(adi, chip, await openBus(adi, chip, io), options);
  } catch (error) {
    await debugPort.close(io);
    throw error;
  }
}

/** The core halts before its first instruction: firmware has no say. */
async function openUnderReset(
  debugPort: DebugPort,
  chip: DebugChip,
  wire: Wire,
  io: IoContext,
  options: AdiOptions,
): Promise<Target> {
  await debugPort.reset(true, io);
  try {
    await io.clock.sleep(RESET_HOLD_MS, io.signal);
    const adi = await Adi.connect(debugPort, wire, io);
    const memory = await openBus(adi, chip, io);
    const core = new CortexM(memory);
    // Some chips hold their bus in reset too, and some boards have no reset line: their core is halted a bit late.
    const asked = await orResetting(core.catchReset(io));
    await debugPort.reset(false, io);
    if (!asked || !(await orResetting(core.waitForHalt(RESET_HOLD_MS, io)))) await core.halt(io);
    return adiTarget(adi, chip, memory, options);
  } finally {
    await debugPort.reset(false, { clock: io.clock, signal: new AbortController().signal });
  }
}

async function openBus(adi: Adi, chip: DebugChip, io: IoContext): Promise<MemAp> {
  const { ap } = chip.bus;
  const idr = await adi.identify(ap, io);
  if (decodeIdr(idr).class !== 'memory') {
    const register = `AP${adi.id.version >= 3 ? hexAddress(ap) : ap}.IDR`;
    throw new FlashlineError('wrong-chip', { params: { expected: chip.name, register, found: hexAddress(idr) } });
  }
  return MemAp.open(adi, ap, io);
}

function adiTarget(adi: Adi, chip: DebugChip, memory: MemAp, options: AdiOptions): Target {
  const core = new CortexM(memory);
  const access = { chip, adi, memory, core };
  const protection = protectionOf(access);
  const writeProtection = writeProtectionOf(access);
  return {
    chip,
    memory,
    core,
    can: { writePeripherals: true, accessWhileRunning: true, executeCode: options.executesCode },
    ...(protection ? { protection } : {}),
    ...(writeProtection ? { writeProtection } : {}),
    identify: (io) => identifyOpen(memory, chip, { protection, writeProtection }, io),
    look: (io) => readDebugView(adi, chip.bus.ap, memory, io),
    reach: () => ({ ...adi.port.describe(), protocol: adi.wire.protocol, ...adi.port.wireClock() }),
    start: (io) => startFirmware(access, protection, io),
    close: (io) => closeQuietly(adi, io),
  };
}

interface Protections {
  readonly protection: Protection | undefined;
  readonly writeProtection: WriteProtection | undefined;
}

async function identifyOpen(
  memory: MemAp,
  chip: DebugChip,
  { protection, writeProtection }: Protections,
  io: IoContext,
): Promise<Identity> {
  const state = await protection?.read(io);
  if (state?.locked) throw new FlashlineError('chip-protected', { params: { chip: chip.name } });
  const identity = await identifyChip(memory, chip, io);
  const pages = writeProtection ? { [WRITE_PROTECTION]: rangesText(await writeProtection.read(io)) } : {};
  return { ...identity, locks: { ...identity.locks, ...state?.observed, ...pages } };
}

/** A chip that was locked may refuse to be reset by its core's own registers; the line does it then, where it is wired. */
async function startFirmware({ adi, core }: Access, protection: Protection | undefined, io: IoContext): Promise<void> {
  try {
    await core.reset('run', io);
  } catch (error) {
    if (!isResetting(error) || !(await protection?.read(io))?.locked) throw error;
    await adi.port.pulseReset(RESET_HOLD_MS, io);
  }
}

/** Debug power goes as it came. A chip or probe that is gone needs no goodbye: why we close has been told. */
async function closeQuietly(adi: Adi, io: IoContext): Promise<void> {
  try {
    await adi.powerDown(io);
  } catch (error) {
    if (!(error instanceof FlashlineError) || error.failure.code === 'internal') throw error;
  } finally {
    await adi.port.close(io);
  }
}

/** How the chip description says the debug port is wired. */
function wireOf(chip: DebugChip, via: Interface): Wire {
  const { jtag, swd } = chip;
  if (via === 'swd') {
    const { maxHz, targetSel } = swd;
    return { protocol: 'swd', clockHz: maxHz, ...(targetSel === undefined ? {} : { targetSel }) };
  }
  const tap = jtag?.taps.findIndex(({ name }) => name === jtag.debugPort) ?? -1;
  if (via !== 'jtag' || !jtag || tap < 0) {
    throw new FlashlineError('interface-unsupported', { params: { interface: via, chip: chip.name } });
  }
  return { protocol: 'jtag', clockHz: jtag.maxHz, irLengths: jtag.taps.map(({ irLength }) => irLength), tap };
}

async function connectIfAny(port: DebugPort, wire: Wire, io: IoContext): Promise<Adi | undefined> {
  try {
    return await Adi.connect(port, wire, io);
  } catch (error) {
    if (error instanceof FlashlineError && error.failure.code === 'no-target') return undefined;
    throw error;
  }
}
