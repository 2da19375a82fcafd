import type { Clock, IoContext } from '#shared/base/clock.ts';
import type { Interface } from '#shared/model/recipe.ts';
import type { JtagPort } from '../../probe/jtag-port.ts';
import type { Connector } from '../../programmer/programmer.ts';

/** A probe's JTAG pins, and the time that its work is counted in. */
export interface JtagPins {
  readonly clock: Clock;
  readonly open: (io: IoContext) => Promise<JtagPort>;
}

/** One kind of probe address: what its URLs say, and how units are reached by it. A row of the table in ways.ts. */
export interface ProbeWay {
  /** What its URLs begin with, colon included. */
  readonly prefix: string;
  /** How its URLs look, for messages. */
  readonly forms: string;
  /** What is reached in this way; the first that the chip has is what a command without a recipe takes. */
  readonly interfaces: readonly Interface[];
  /** How the units at this URL are reached; nothing is opened yet. Throws `probe-address`. */
  parse(url: string): Connector;
  /** The JTAG pins at this URL; on the bench, of the unit with this serial. Absent where there are none to be had. */
  jtagPins?(url: string, serial: string): JtagPins;
}
