/** USB Device Firmware Upgrade 1.1 (DFU) and ST's DfuSe 1.1a (AN3156, UM0424): bytes and numbers, no I/O. */
import { writeU32 } from '#shared/base/bytes.ts';
import type { UsbSetup } from '../../link/usb-control.ts';

/** Interface class, subclass and protocols (DFU 1.1, 4.1.2 and 4.2.3). */
export const DFU_CLASS = { class: 0xfe, subclass: 0x01, runtime: 0x01, loader: 0x02 } as const;

/** Requests (DFU 1.1, table 3.2). */
export const Request = {
  detach: 0,
  download: 1,
  upload: 2,
  getStatus: 3,
  clearStatus: 4,
  getState: 5,
  abort: 6,
} as const;

/** States (DFU 1.1, 6.1.2). */
export const State = {
  appIdle: 0,
  appDetach: 1,
  idle: 2,
  downloadSync: 3,
  downloadBusy: 4,
  downloadIdle: 5,
  manifestSync: 6,
  manifest: 7,
  manifestWaitReset: 8,
  uploadIdle: 9,
  error: 10,
} as const;

const STATE_NAMES = [
  'appIDLE',
  'appDETACH',
  'dfuIDLE',
  'dfuDNLOAD-SYNC',
  'dfuDNBUSY',
  'dfuDNLOAD-IDLE',
  'dfuMANIFEST-SYNC',
  'dfuMANIFEST',
  'dfuMANIFEST-WAIT-RESET',
  'dfuUPLOAD-IDLE',
  'dfuERROR',
];

/** Status codes (DFU 1.1, 6.1.2). DfuSe answers errVENDOR where read protection refuses (AN3156, 4). */
const STATUS_NAMES = [
  'OK',
  'errTARGET',
  'errFILE',
  'errWRITE',
  'errERASE',
  'errCHECK_ERASED',
  'errPROG',
  'errVERIFY',
  'errADDRESS',
  'errNOTDONE',
  'errFIRMWARE',
  'errVENDOR',
  'errUSBR',
  'errPOR',
  'errUNKNOWN',
  'errSTALLEDPKT',
];
export const ERR_VENDOR = 11;
/** The memory itself did not do it: write, erase, check erased, program, verify. */
const OF_THE_FLASH = { first: 3, last: 7 } as const;

export interface Status {
  readonly status: number;
  /** Milliseconds until the host may ask again. */
  readonly pollMs: number;
  readonly state: number;
}

const STATUS_BYTES = 6;

/** `bStatus bwPollTimeout24 bState iString` (6.1.2); undefined for what is no answer to GETSTATUS. */
export function parseStatus(bytes: Uint8Array): Status | undefined {
  const [status, low = 0, middle = 0, high = 0, state] = bytes;
  if (bytes.length < STATUS_BYTES || status === undefined || state === undefined) return undefined;
  if (status >= STATUS_NAMES.length || state >= STATE_NAMES.length) return undefined;
  return { status, pollMs: low | (middle << 8) | (high << 16), state };
}

export function statusName(status: number): string {
  return STATUS_NAMES[status] ?? `status ${status}`;
}

export function stateName(state: number): string {
  return STATE_NAMES[state] ?? `state ${state}`;
}

export function blamesFlash({ status }: Status): boolean {
  return status >= OF_THE_FLASH.first && status <= OF_THE_FLASH.last;
}

/** What a device can do (DFU 1.1, 4.1.3). */
export interface Functional {
  readonly canDownload: boolean;
  readonly canUpload: boolean;
  /** It answers again after it has taken an image over. */
  readonly manifestationTolerant: boolean;
  /** It leaves the bus by itself when told to detach. */
  readonly willDetach: boolean;
  readonly detachTimeoutMs: number;
  /** Bytes that one request carries at most. */
  readonly transferBytes: number;
  /** bcdDFUVersion: 0x0110, or 0x011a for DfuSe. */
  readonly version: number;
}

const FUNCTIONAL = 0x21;
/** Version 1.0 has no bcdDFUVersion. */
const SHORTEST = 7;
/** What one usbfs request takes. */
const MOST_BYTES = 4096;
const LEAST_BYTES = 8;
const DFUSE_VERSION = 0x011a;

/** `bLength 0x21 bmAttributes wDetachTimeOut wTransferSize bcdDFUVersion`; undefined for anything else. */
export function parseFunctional(bytes: Uint8Array): Functional | undefined {
  const [length = 0, type, attributes = 0] = bytes;
  if (type !== FUNCTIONAL || length < SHORTEST || bytes.length < length) return undefined;
  const word = (at: number) => (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
  return {
    canDownload: (attributes & 1) !== 0,
    canUpload: (attributes & 2) !== 0,
    manifestationTolerant: (attributes & 4) !== 0,
    willDetach: (attributes & 8) !== 0,
    detachTimeoutMs: word(3),
    transferBytes: Math.min(MOST_BYTES, Math.max(LEAST_BYTES, word(5))),
    version: length >= 9 ? word(7) : 0x0100,
  };
}

export function isDfuSe({ version }: Functional): boolean {
  return version === DFUSE_VERSION;
}

export function dfuRequest(request: number, interfaceNumber: number, value = 0): UsbSetup {
  return { type: 'class', recipient: 'interface', request, value, index: interfaceNumber };
}

/** Commands are what block 0 carries (AN3156, 5); data are blocks from 2 on. */
export const FIRST_DATA_BLOCK = 2;
const SET_ADDRESS = 0x21;
const ERASE = 0x41;
const READ_UNPROTECT = 0x92;

export function setAddressCommand(address: number): Uint8Array {
  return withAddress(SET_ADDRESS, address);
}

export function eraseCommand(address: number): Uint8Array {
  return withAddress(ERASE, address);
}

export function massEraseCommand(): Uint8Array {
  return Uint8Array.of(ERASE);
}

export function readUnprotectCommand(): Uint8Array {
  return Uint8Array.of(READ_UNPROTECT);
}

function withAddress(command: number, address: number): Uint8Array {
  const bytes = new Uint8Array(5);
  bytes[0] = command;
  writeU32(bytes, 1, address);
  return bytes;
}
