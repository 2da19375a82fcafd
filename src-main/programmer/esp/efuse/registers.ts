import type { EspLoader } from '../loader.ts';

/** The chip's registers, by whatever loader runs. */
export type Registers = Pick<EspLoader, 'readRegister' | 'ask' | 'baud'>;
