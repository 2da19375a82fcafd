/** How one kind of gdb server behaves where the protocol leaves it open, or where it falls short of it. */
export interface Stub {
  readonly name: string;
  /**
   * Several requests may be written ahead; each carries the acknowledgement of the reply before it. Only for stubs
   * that take an early `+` or a new `$` as that acknowledgement, over streams that lose nothing.
   */
  readonly pipeline: boolean;
  /** `c ADDRESS` sets the PC (bit 0: Thumb) and resumes, sparing the register writes. */
  readonly continueAt: boolean;
  /** Memory writes reach peripheral registers as the core's own stores would. */
  readonly writePeripherals: boolean;
  /** Most data bytes of one `M` and one `m`, given the PacketSize it announced; multiples of 4. */
  readonly maxWrite: (packetSize: number) => number;
  readonly maxRead: (packetSize: number) => number;
  /** The monitor command that resets the chip though memories lose their content; only to wake a sleeping core. */
  readonly systemReset?: string;
  /**
   * How the chip is reset. `registers`: not at all, the core is put to its reset state instead.
   * `monitor`: by the server's own commands. `none`: this server offers no way that we know.
   */
  readonly reset:
    | { readonly by: 'registers' }
    | { readonly by: 'monitor'; readonly run: string; readonly halt: string }
    | { readonly by: 'none' };
}

/** `Mxxxxxxxx,xxxx:` */
const WRITE_HEADER = 15;
const wordsIn = (bytes: number): number => Math.max(4, bytes - (bytes % 4));

const generic: Stub = {
  name: 'gdb server',
  pipeline: false,
  continueAt: false,
  writePeripherals: true,
  // Some servers count the frame's four characters as part of PacketSize.
  maxWrite: (packetSize) => wordsIn(Math.floor((packetSize - 4 - WRITE_HEADER) / 2)),
  maxRead: (packetSize) => wordsIn(Math.floor((packetSize - 4) / 2)),
  // OpenOCD's words, which most servers took over; one that does not know them says so.
  reset: { by: 'monitor', run: 'reset run', halt: 'reset halt' },
};

/**
 * QEMU, seen with 7.2 on its micro:bit. One data byte more in an `M` and it drops the packet without a word. Memory
 * writes go past the device models. `system_reset` happens some time after its reply, and wipes the UICR.
 */
const qemu: Stub = {
  name: 'QEMU',
  pipeline: true,
  continueAt: true,
  writePeripherals: false,
  maxWrite: (packetSize) => wordsIn(Math.floor((packetSize - 16) / 2)),
  maxRead: (packetSize) => wordsIn(Math.floor(packetSize / 2)),
  systemReset: 'system_reset',
  reset: { by: 'registers' },
};

/** A Black Magic Probe speaks this protocol itself; it has to scan and attach before there is a target. */
const blackMagic: Stub = { ...generic, name: 'Black Magic Probe', reset: { by: 'none' } };

/** Which stub it is, from its answers to a query that only QEMU knows and to `monitor version`. */
export function recogniseStub(answers: { readonly sstepbits: string; readonly version: string }): Stub {
  if (answers.sstepbits.startsWith('ENABLE=')) return qemu;
  if (/black magic/iu.test(answers.version)) return blackMagic;
  return generic;
}
