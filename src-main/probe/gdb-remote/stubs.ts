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
  /** Its vFlash packets do what they say, each when it is answered. */
  readonly flash: boolean;
  /** There is no target before its wires were scanned and one that was found is attached to (attach.ts). */
  readonly scans?: boolean;
  /**
   * How the chip is reset. `registers`: not at all, the core is put to its reset state instead. `monitor`: by the
   * server's own commands, in this order. `vRun`: by starting the program anew, which halts before its first
   * instruction.
   */
  readonly reset:
    | { readonly by: 'registers' }
    | { readonly by: 'monitor'; readonly run: readonly string[]; readonly halt: readonly string[] }
    | { readonly by: 'vRun' };
}

/** `Mxxxxxxxx,xxxx:` */
const WRITE_HEADER = 15;
const wordsIn = (bytes: number): number => Math.max(4, bytes - (bytes % 4));

const generic: Stub = {
  name: 'gdb server',
  pipeline: false,
  continueAt: false,
  writePeripherals: true,
  flash: true,
  // Some servers count the frame's four characters as part of PacketSize.
  maxWrite: (packetSize) => wordsIn(Math.floor((packetSize - 4 - WRITE_HEADER) / 2)),
  maxRead: (packetSize) => wordsIn(Math.floor((packetSize - 4) / 2)),
  // OpenOCD's words, which most servers took over; one that does not know them says so.
  reset: { by: 'monitor', run: ['reset run'], halt: ['reset halt'] },
};

/**
 * OpenOCD 0.12. It works its input off in order, and needs no acknowledgement in between. Memory that cannot be read
 * reads as zeros unless its configuration says `gdb_report_data_abort enable` (it cannot be told later): a fault then shows
 * as content that is not as expected.
 */
const openOcd: Stub = { ...generic, name: 'OpenOCD', pipeline: true };

/**
 * pyOCD (gdbserver.py): `reset` lets the core run, and a command it does not know is answered with text. It erases
 * nothing before vFlashDone, and then only what was written: a page cannot be cleared for its own sake.
 */
const pyOcd: Stub = {
  ...generic,
  name: 'pyOCD',
  flash: false,
  reset: { by: 'monitor', run: ['reset'], halt: ['reset halt'] },
};

/** SEGGER's J-Link GDB Server (UM08001, 3.3 "Supported remote (monitor) commands"): `reset` resets and halts. */
const segger: Stub = {
  ...generic,
  name: 'J-Link GDB Server',
  reset: { by: 'monitor', run: ['reset', 'go'], halt: ['reset'] },
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
  flash: false,
  maxWrite: (packetSize) => wordsIn(Math.floor((packetSize - 16) / 2)),
  maxRead: (packetSize) => wordsIn(Math.floor(packetSize / 2)),
  systemReset: 'system_reset',
  reset: { by: 'registers' },
};

/** A Black Magic Probe speaks this protocol itself. Its `monitor reset` lets go of the target, `vRun` does not. */
const blackMagic: Stub = { ...generic, name: 'Black Magic Probe', scans: true, reset: { by: 'vRun' } };

const STUBS = { generic, openocd: openOcd, pyocd: pyOcd, segger, qemu, 'black-magic': blackMagic } as const;
export type StubName = keyof typeof STUBS;
export const STUB_NAMES = Object.keys(STUBS).filter(isStubName);

export function isStubName(name: string): name is StubName {
  return Object.hasOwn(STUBS, name);
}

export function stubNamed(name: StubName): Stub {
  return STUBS[name];
}

/** What a server says of itself before anything is known about it. */
export interface StubAnswers {
  /** Of qSupported. */
  readonly features: readonly string[];
  /** To a query that only QEMU knows. */
  readonly sstepbits: string;
  /** Console output of `monitor version`, or what stands in its place. */
  readonly version: string;
}

export function recogniseStub({ features, sstepbits, version }: StubAnswers): Stub {
  if (sstepbits.startsWith('ENABLE=')) return qemu;
  if (/black magic/iu.test(version)) return blackMagic;
  if (/open on-chip debugger/iu.test(version)) return openOcd;
  if (/segger|j-link/iu.test(version)) return segger;
  // Of these servers pyOCD alone offers non-stop mode.
  if (features.includes('QNonStop+')) return pyOcd;
  return generic;
}
