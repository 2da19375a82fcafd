import type { JtagWire, SwdWire, Wire } from '../debug-port.ts';
import { jtagConfigurePacket, type Order, swdConfigurePacket } from './packets.ts';
import type { PinMode } from './probe.ts';
import {
  DORMANT_TO_JTAG,
  DORMANT_TO_SWD,
  JTAG_TO_SWD,
  LINE_RESET,
  SWD_TO_JTAG,
  TAP_RESET,
  targetSelection,
} from './switching.ts';

/** What a probe must be told and send for one wire; plain data. */
export interface WireRules {
  readonly mode: PinMode;
  /** Of the TAP in the chain; SWD ignores it. */
  readonly index: number;
  readonly setUp: Order;
  /** Sequences after which the debug port may answer, to be tried in turn. */
  readonly ways: readonly (readonly Uint8Array[])[];
  /** What brings a port back that has lost its way, without waking others. */
  readonly resync: readonly Uint8Array[];
  /** Clock cycles of one try that gets WAIT, and of a whole read: what the retry limits are reckoned from. */
  readonly waitBits: number;
  readonly readBits: number;
  /** DPv2: the port that must answer. */
  readonly targetSel?: number;
}

export function rulesOf(wire: Wire): WireRules {
  return wire.protocol === 'swd' ? swdRules(wire) : jtagRules(wire);
}

function swdRules({ targetSel }: SwdWire): WireRules {
  const common = { mode: 'swd', index: 0, setUp: swdConfigurePacket(), waitBits: 13, readBits: 46 } as const;
  if (targetSel === undefined) {
    return { ...common, ways: [[JTAG_TO_SWD], [JTAG_TO_SWD], [DORMANT_TO_SWD]], resync: [LINE_RESET] };
  }
  // Ports that share the wires sleep until all of them are woken; the selection follows the line reset at once.
  const select = targetSelection(targetSel);
  const selected = (wake: Uint8Array) => [wake, Uint8Array.of(...LINE_RESET, ...select)];
  return {
    ...common,
    ways: [selected(DORMANT_TO_SWD), selected(DORMANT_TO_SWD), selected(JTAG_TO_SWD)],
    resync: [Uint8Array.of(...LINE_RESET, ...select)],
    targetSel,
  };
}

/** A DPACC or APACC scan is 35 bits and about 6 of the way through the TAP's states (ADIv5.2, B3.4). */
const SCAN_BITS = 41;

function jtagRules({ irLengths, tap }: JtagWire): WireRules {
  return {
    mode: 'jtag',
    index: tap,
    setUp: jtagConfigurePacket(irLengths),
    ways: [[SWD_TO_JTAG], [SWD_TO_JTAG], [DORMANT_TO_JTAG]],
    resync: [TAP_RESET],
    waitBits: SCAN_BITS,
    readBits: SCAN_BITS,
  };
}
