import type { IoContext } from '#shared/base/clock.ts';
import type { UartInterface } from '#shared/model/interfaces/uart.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { SerialFormat, SerialLink } from '../../link/link.ts';
import type { ConnectRequest, Programmer } from '../../programmer/programmer.ts';
import { openEspUart } from '../../programmer/esp/open-esp.ts';
import { openStm32Uart } from '../../programmer/stm32-uart/open-stm32-uart.ts';
import type { UartOptions } from '../uart-url.ts';

/** A serial port that was not opened yet: each kind of boot loader has its own first format. */
export interface UartPort {
  readonly url: string;
  readonly options: UartOptions;
  readonly open: (format: SerialFormat, io: IoContext) => Promise<SerialLink>;
}

/** Opens the port and reaches the boot loader; what was opened half is closed again before it rejects. */
export type OpenByUart = (port: UartPort, unit: ConnectRequest, io: IoContext) => Promise<Programmer>;

/** How a unit is opened on a serial port, by its boot loader's kind: real ports and the bench's. A new kind is one row. */
const KINDS: Partial<Record<UartInterface['kind'], OpenByUart>> = {
  esp: ({ url, options, open }, { chip }, io) => openEspUart({ url, chip, open, ...options }, io),
  stm32: ({ url, options, open }, { chip }, io) => openStm32Uart({ url, chip, open, ...options }, io),
};

/** Throws `interface-unsupported` where this chip has no such boot loader. */
export function openByUart({ chip }: ConnectRequest): OpenByUart {
  const open = chip.uart && KINDS[chip.uart.kind];
  if (open) return open;
  throw new FlashlineError('interface-unsupported', { params: { interface: 'uart', chip: chip.name } });
}
