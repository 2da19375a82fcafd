/** Pins by number: 0 to 7 are ADBUS0-7, 8 to 15 ACBUS0-7. Data, so that another board is another row. */
export interface FtdiLayout {
  /** Levels and directions (a one is driven) once the channel is taken. */
  readonly levels: number;
  readonly outputs: number;
  /** Pins that pull these signals low: driven low is asserted, and driven high or let go is not. */
  readonly trst?: ResetPin;
  readonly srst?: ResetPin;
  /** Driven high while the channel is in use. */
  readonly led?: number;
  /** Chip select of an SPI bus. */
  readonly cs: number;
}

export interface ResetPin {
  readonly pin: number;
  /** Let go when it is not asserted, as an open drain. */
  readonly openDrain: boolean;
}

/** The MPSSE's own pins: TCK/SK/SCL, TDI/DO/SDA out, TDO/DI/SDA in, TMS/CS (AN_108, 2.1). */
export const Pin = { clock: 0, out: 1, in: 2, select: 3 } as const;

/** Levels and directions as OpenOCD's scripts of the same boards have them, checked against the makers' schematics there. */
export const LAYOUTS = {
  /** Bare chips and modules: nTRST and nSRST are the first pins of ACBUS (FTDI UM232H, FT2232H Mini Module wiring). */
  generic: {
    levels: 0x0308,
    outputs: 0x000b,
    trst: { pin: 8, openDrain: true },
    srst: { pin: 9, openDrain: true },
    cs: Pin.select,
  },
  /** FT2232H Mini Module: nSRST is ADBUS5. */
  minimodule: { levels: 0x0008, outputs: 0x000b, srst: { pin: 5, openDrain: true }, cs: Pin.select },
  /** Tigard and boards wired as FLOSS-JTAG's: nTRST is ADBUS4, nSRST ADBUS5. */
  tigard: {
    levels: 0x0038,
    outputs: 0x003b,
    trst: { pin: 4, openDrain: false },
    srst: { pin: 5, openDrain: false },
    cs: Pin.select,
  },
} as const satisfies Record<string, FtdiLayout>;

export type LayoutName = keyof typeof LAYOUTS;

export function isLayoutName(name: string): name is LayoutName {
  return Object.hasOwn(LAYOUTS, name);
}

/** Pins as they stand, and what a change of one takes. */
export class FtdiPins {
  levels: number;
  outputs: number;

  constructor({ levels, outputs, led }: FtdiLayout) {
    const lit = led === undefined ? 0 : 1 << led;
    this.levels = levels | lit;
    this.outputs = outputs | lit;
  }

  set(pin: number, high: boolean): void {
    this.levels = high ? this.levels | (1 << pin) : this.levels & ~(1 << pin);
  }

  drive(pin: number, driven: boolean): void {
    this.outputs = driven ? this.outputs | (1 << pin) : this.outputs & ~(1 << pin);
  }

  assert({ pin, openDrain }: ResetPin, asserted: boolean): void {
    this.set(pin, !asserted);
    this.drive(pin, asserted || !openDrain);
  }
}
