import { hexAddress } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import type { ChipDescription } from '#shared/model/chip.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { DebugPort, Wire } from '../probe/debug-port.ts';
import { Adi, isMemoryAp } from './adi.ts';
import { CortexM } from './cortex-m.ts';
import { identifyChip } from './identity.ts';
import { MemAp } from './mem-ap.ts';
import type { ConnectRequest, Target } from './target.ts';

/** The access port to the Cortex-M's bus, on every chip that we describe. */
const BUS_AP = 0;

/** Nordic's control access port, which protection leaves open (nRF52840 PS v1.1, 4.8.2). nRF51 has none. */
const CTRL_AP = 1;
const CTRL_AP_IDR = 0x0288_0000;
const APPROTECTSTATUS = 0x0c;
const NOT_PROTECTED = 0x1;

export interface AdiOptions {
  /** False where nothing executes behind the debug port: the bench. */
  readonly executesCode: boolean;
}

/** What is to be reached, and by which of its interfaces. */
export type AdiUnit = Pick<ConnectRequest, 'chip' | 'interface'>;

/**
 * Connects to the chip behind a debug port: the wire at the chip's top speed, debug power, the bus's access port.
 * Rejects with `no-target`, `target-stuck`, `wire-noise`, `wrong-chip` (no bus to access), `chip-protected` or
 * `interface-unsupported`; the debug port is closed by then. Changes nothing in the chip.
 */
export async function openAdiTarget(
  debugPort: DebugPort,
  unit: AdiUnit,
  io: IoContext,
  options: AdiOptions = { executesCode: true },
): Promise<Target> {
  const { chip } = unit;
  try {
    await debugPort.connect(wireOf(unit), io);
    const adi = new Adi(debugPort);
    await adi.powerUp(io);
    await refuseProtected(adi, chip, io);
    const idr = await adi.identify(BUS_AP, io);
    if (!isMemoryAp(idr)) {
      throw new FlashlineError('wrong-chip', {
        params: { expected: chip.name, register: 'AP0.IDR', found: hexAddress(idr) },
      });
    }
    const memory = await MemAp.open(adi, BUS_AP, io);
    return adiTarget(debugPort, chip, memory, options);
  } catch (error) {
    await debugPort.close(io);
    throw error;
  }
}

function adiTarget(debugPort: DebugPort, chip: ChipDescription, memory: MemAp, options: AdiOptions): Target {
  const core = new CortexM(memory);
  return {
    chip,
    memory,
    core,
    can: { writePeripherals: true, executeCode: options.executesCode },
    identify: (io) => identifyChip(memory, chip, io),
    start: (io) => core.reset('run', io),
    close: (io) => debugPort.close(io),
  };
}

/** How the chip description says the debug port is wired. */
function wireOf({ chip, interface: via }: AdiUnit): Wire {
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

async function refuseProtected(adi: Adi, chip: ChipDescription, io: IoContext): Promise<void> {
  if ((await adi.identify(CTRL_AP, io)) !== CTRL_AP_IDR) return;
  const status = await adi.readAp(CTRL_AP, APPROTECTSTATUS, io);
  if ((status & NOT_PROTECTED) === 0) throw new FlashlineError('chip-protected', { params: { chip: chip.name } });
}
