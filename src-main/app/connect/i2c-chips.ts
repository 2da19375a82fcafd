import type { IoContext } from '#shared/base/clock.ts';
import type { ChipDescription } from '#shared/model/chip.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { I2cInterface } from '#shared/model/interfaces/i2c.ts';
import type { I2cPort } from '../../probe/i2c-port.ts';
import { openAtecc } from '../../programmer/atecc/open-atecc.ts';
import { openEeprom } from '../../programmer/i2c-eeprom/eeprom.ts';
import type { Programmer } from '../../programmer/programmer.ts';

type Kind = I2cInterface['kind'];
type Opener<K extends Kind> = (
  port: I2cPort,
  chip: ChipDescription,
  described: Extract<I2cInterface, { kind: K }>,
  io: IoContext,
) => Promise<Programmer>;

/** How each kind of chip on an I2C bus is opened: a new kind is one row here. */
const OPENERS: { readonly [K in Kind]?: Opener<K> } = {
  eeprom: openEeprom,
  atecc: openAtecc,
};

/** Opens the chip through an adapter. Rejects with `interface-unsupported`, and closes the port where it fails. */
export async function openI2cChip(port: I2cPort, chip: ChipDescription, io: IoContext): Promise<Programmer> {
  const { i2c } = chip;
  const opener = i2c && (OPENERS[i2c.kind] as Opener<Kind> | undefined);
  if (i2c && opener) return opener(port, chip, i2c, io);
  await port.close(io);
  throw new FlashlineError('interface-unsupported', { params: { interface: 'i2c', chip: chip.name } });
}
