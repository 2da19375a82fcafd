import { FlashlineError } from '#shared/model/failure.ts';
import type { SerialFormat } from '../link/link.ts';

/** What a `uart:` address may say beside its port; what it leaves out is for the boot loader's kind to choose. */
export interface UartOptions {
  /** Bits per second of the programming itself. */
  readonly baud?: number;
  /** For ports that have no parity (a pseudo terminal, a network adapter). */
  readonly parity?: SerialFormat['parity'];
  /** By which pattern of DTR and RTS the unit is brought into its boot loader. */
  readonly entry?: string;
}

export interface UartUrl {
  readonly path: string;
  readonly options: UartOptions;
}

const LEAST_BAUD = 300;
const MOST_BAUD = 12_000_000;

export const UART_URL_FORMS = 'uart:<port path>[?baud=<rate>][&parity=none|even|odd][&entry=<strategy>]';

/** `uart:/dev/serial/by-path/...?baud=230400&entry=none`. Throws `probe-address`. */
export function parseUartUrl(url: string): UartUrl {
  // A path may hold a question mark; what follows the last one is options only if it reads so.
  const [, address = url, query = ''] = /^(.*)\?((?:[a-z]+=[^&]*&?)+)$/su.exec(url) ?? [];
  const [, path] = /^uart:(.+)$/su.exec(address) ?? [];
  if (path === undefined) throw malformed(url);
  return { path, options: uartOptions(new URLSearchParams(query), url) };
}

/** Throws `probe-address` for a name or a value that none of them has. */
export function uartOptions(query: URLSearchParams, url: string): UartOptions {
  const options: { -readonly [K in keyof UartOptions]: UartOptions[K] } = {};
  for (const [name, value] of query) {
    if (name === 'baud' && isBaud(value)) options.baud = Number(value);
    else if (name === 'parity' && isParity(value)) options.parity = value;
    else if (name === 'entry' && /^[a-z0-9-]+$/u.test(value)) options.entry = value;
    else throw malformed(url);
  }
  return options;
}

function isBaud(value: string): boolean {
  return /^\d{3,8}$/u.test(value) && Number(value) >= LEAST_BAUD && Number(value) <= MOST_BAUD;
}

function isParity(value: string): value is SerialFormat['parity'] {
  return value === 'none' || value === 'even' || value === 'odd';
}

function malformed(url: string): FlashlineError {
  return new FlashlineError('probe-address', { params: { url, expected: UART_URL_FORMS } });
}
