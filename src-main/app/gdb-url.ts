import { FlashlineError } from '#shared/model/failure.ts';
import { GDB_ADDRESS_FORMS, parseGdbAddress, type StreamAddress } from '../link/address.ts';
import { isStubName, STUB_NAMES } from '../probe/gdb-remote/stubs.ts';
import type { GdbTargetOptions } from '../target/open-gdb.ts';

export interface GdbUrl {
  readonly stream: StreamAddress;
  readonly options: GdbTargetOptions;
}

const OPTIONS = `[?server=${STUB_NAMES.join('|')}][&flash=server][&target=<number>][&power=on][&reset=held]`;
export const GDB_URL_FORMS = `${GDB_ADDRESS_FORMS}, each with ${OPTIONS}`;

/**
 * `gdb:serial:/dev/ttyACM0?power=on&target=2`: where the server is, and what it must be told. `target`, `power` and
 * `reset` are for probes that scan (Black Magic). Throws `probe-address`.
 */
export function parseGdbUrl(url: string): GdbUrl {
  // A path may hold a question mark; what follows the last one is options only if it reads so.
  const [, address = url, query = ''] = /^(.*)\?((?:[a-z]+=[^&]*&?)+)$/su.exec(url) ?? [];
  const attach: { target?: number; power?: boolean; underReset?: boolean } = {};
  const options: { -readonly [K in keyof GdbTargetOptions]: GdbTargetOptions[K] } = { attach };
  for (const [name, value] of new URLSearchParams(query)) {
    if (name === 'server' && isStubName(value)) options.server = value;
    else if (name === 'flash' && value === 'server') options.byServer = true;
    else if (name === 'target' && /^[1-9]\d{0,2}$/u.test(value)) attach.target = Number(value);
    else if (name === 'power' && /^(?:on|off)$/u.test(value)) attach.power = value === 'on';
    else if (name === 'reset' && value === 'held') attach.underReset = true;
    else throw new FlashlineError('probe-address', { params: { url, expected: GDB_URL_FORMS } });
  }
  return { stream: parseGdbAddress(address), options };
}
