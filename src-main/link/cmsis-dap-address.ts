import { FlashlineError } from '#shared/model/failure.ts';
import { PORT_PATH } from './usb-place.ts';

/** CMSIS-DAP v2 talks over bulk endpoints, v1 over HID reports; some probes offer both. */
export type UsbInterfaceKind = 'bulk' | 'hid';

/** Which USB probe is meant. A port path is a place, and stays when the probe in it is replaced. */
export type CmsisDapAddress = { readonly interface?: UsbInterfaceKind } & (
  | { readonly by: 'serial'; readonly serial: string }
  | { readonly by: 'port'; readonly portPath: string }
);

const CMSIS_DAP_ADDRESS_FORMS =
  'cmsis-dap:<usb serial> or cmsis-dap:@<usb port>, for example cmsis-dap:@1-2.3, with ?interface=bulk or hid where a probe has both';

const PREFIX = 'cmsis-dap:';

/** Reads `cmsis-dap:...`. Throws `probe-address`. */
export function parseCmsisDapAddress(url: string): CmsisDapAddress {
  const [, place, query] = /^cmsis-dap:([^?\s]+)(?:\?(.*))?$/su.exec(url) ?? [];
  if (place === undefined) throw malformed(url);
  const kind = query === undefined ? {} : { interface: parseInterface(url, query) };
  if (!place.startsWith('@')) return { by: 'serial', serial: decoded(url, place), ...kind };
  const portPath = decoded(url, place.slice(1));
  if (!PORT_PATH.test(portPath)) throw malformed(url);
  return { by: 'port', portPath, ...kind };
}

/** The address of what has this serial. A comma would end it in a list of probes, so that is escaped too. */
export function serialUrl(serial: string): string {
  return PREFIX + escaped(serial);
}

export function portUrl(portPath: string): string {
  return `${PREFIX}@${escaped(portPath)}`;
}

function parseInterface(url: string, query: string): UsbInterfaceKind {
  const given = [...new URLSearchParams(query)];
  const [name, value] = given.length === 1 ? (given[0] ?? []) : [];
  if (name === 'interface' && (value === 'bulk' || value === 'hid')) return value;
  throw malformed(url);
}

function escaped(text: string): string {
  return encodeURIComponent(text).replaceAll(/%(?:3A|2F|2B|3D)/gu, decodeURIComponent);
}

function decoded(url: string, text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    throw new FlashlineError('probe-address', { params: { url, expected: CMSIS_DAP_ADDRESS_FORMS }, cause });
  }
}

function malformed(url: string): FlashlineError {
  return new FlashlineError('probe-address', { params: { url, expected: CMSIS_DAP_ADDRESS_FORMS } });
}
