/** What a probe does otherwise than CMSIS-DAP asks, or than it says of itself. Left out: as it should be. */
export interface Quirks {
  /** Packets that it really holds, where it says more. */
  readonly packetCount?: number;
  /** Bytes that a packet may really have, where it says more. */
  readonly packetSize?: number;
  readonly maxClockHz?: number;
  /** Its pins are only set up afresh by a disconnect before each connect. */
  readonly reconnects?: true;
}

interface QuirkRow {
  readonly name: string;
  readonly product: RegExp;
  /** Rows with a version hold up to and with it; of a probe that tells none too. */
  readonly upToFirmware?: string;
  readonly quirks: Quirks;
  /** Where this is documented. */
  readonly source: string;
}

/** One row a known probe. Facts that somebody wrote down, never guesses. */
export const QUIRKS: readonly QuirkRow[] = [
  {
    name: 'TI XDS110',
    product: /XDS110/,
    upToFirmware: '03.00.00.25',
    quirks: { packetCount: 1 },
    source: 'pyOCD docs/debug_probes.md, "TI XDS110": several outstanding packets fail up to this firmware',
  },
  {
    name: 'Picoprobe (before it became the Raspberry Pi Debug Probe)',
    product: /^Picoprobe/,
    quirks: { packetCount: 1 },
    source: 'raspberrypi/debugprobe #46 and #47: requests that arrive together are joined in a FIFO and lost',
  },
  {
    name: 'ORBTrace',
    product: /ORBTrace/i,
    quirks: { maxClockHz: 25_000_000 },
    source: 'orbcode/orbtrace #22: SWJ_Clock outside about 200 kHz to 25 MHz is refused',
  },
  {
    name: 'Atmel EDBG',
    product: /\bEDBG\b/,
    quirks: { reconnects: true },
    source: 'OpenOCD src/jtag/drivers/cmsis_dap.c, quirk mode: SAM D, R, L and C need a disconnect before each connect',
  },
  {
    name: 'Keil ULINK-ME',
    product: /ULINK-ME/i,
    quirks: { reconnects: true },
    source: 'OpenOCD src/jtag/drivers/cmsis_dap.c, quirk mode: a reconnect must run DAP_Connect again',
  },
];

export function quirksOf(probe: { readonly product: string; readonly firmware: string }): Quirks {
  const rows = QUIRKS.filter(
    ({ product, upToFirmware }) =>
      product.test(probe.product) && (upToFirmware === undefined || isAtMost(probe.firmware, upToFirmware)),
  );
  return Object.assign({}, ...rows.map(({ quirks }) => quirks));
}

/** Dotted numbers, compared field by field. A version that cannot be read counts as old. */
function isAtMost(version: string, limit: string): boolean {
  const fields = version.split('.').map(Number);
  for (const [index, most] of limit.split('.').map(Number).entries()) {
    const field = fields[index] ?? 0;
    if (Number.isNaN(field) || field < most) return true;
    if (field > most) return false;
  }
  return fields.length <= limit.split('.').length;
}
