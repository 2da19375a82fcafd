/** Reports of an MCP2221A as bytes (Microchip DS20005565, 3.1), each of 64: pure. */
export const REPORT_BYTES = 64;
/** Data bytes of a write or a read report. */
export const REPORT_DATA = 60;

export const Code = {
  status: 0x10,
  getData: 0x40,
  write: 0x90,
  read: 0x91,
  writeRepeated: 0x92,
  readRepeated: 0x93,
  writeNoStop: 0x94,
} as const;

/** The engine's state in byte 8 of a status, and in byte 2 of data (3.1.1, 3.1.10): those that matter here. */
const State = { idle: 0x00, noStop: 0x45, addressNack: 0x25, partial: 0x54, complete: 0x55 } as const;
const CLOCK_HZ = 12_000_000;
const NO_ACKNOWLEDGE = 0x40;
const CANCEL = 0x10;
const SET_SPEED = 0x20;
const READ_ERROR = 127;

/** `cancel` ends what the engine does and lets the bus go; `divider` sets SCL. */
export function statusReport(options: { readonly cancel?: boolean; readonly divider?: number } = {}): Uint8Array {
  const report = new Uint8Array(REPORT_BYTES);
  const { cancel = false, divider } = options;
  report.set([Code.status, 0, cancel ? CANCEL : 0, divider === undefined ? 0 : SET_SPEED, divider ?? 0]);
  return report;
}

/** The divider for at most `hz`, and what that makes; 47 to 400 kHz. */
export function dividerFor(hz: number): { readonly divider: number; readonly hz: number } {
  const divider = Math.min(255, Math.max(27, Math.ceil(CLOCK_HZ / hz) - 3));
  return { divider, hz: CLOCK_HZ / (divider + 3) };
}

/** `length` is that of all the data, `address` of 7 bits with the direction's bit made here. */
export function transferReport(code: number, address: number, length: number, data: Uint8Array): Uint8Array {
  const report = new Uint8Array(REPORT_BYTES);
  const reads = code === Code.read || code === Code.readRepeated;
  report.set([code, length & 0xff, length >> 8, (address << 1) | (reads ? 1 : 0)]);
  report.set(data, 4);
  return report;
}

export function getDataReport(): Uint8Array {
  const report = new Uint8Array(REPORT_BYTES);
  report[0] = Code.getData;
  return report;
}

export interface EngineStatus {
  readonly speedTaken: boolean;
  readonly outcome: 'done' | 'address' | 'data' | 'working';
  readonly scl: boolean;
  readonly sda: boolean;
  readonly firmware: string;
}

/** Undefined for what is no answer to a status report. */
export function readStatus(answer: Uint8Array): EngineStatus | undefined {
  if (answer.length < REPORT_BYTES || answer[0] !== Code.status || answer[1] !== 0) return undefined;
  const [state = 0, acknowledge = 0] = [answer[8], answer[20]];
  return {
    speedTaken: answer[3] === SET_SPEED,
    outcome: outcomeOf(state, (acknowledge & NO_ACKNOWLEDGE) !== 0),
    scl: answer[22] === 1,
    sda: answer[23] === 1,
    firmware: String.fromCharCode(answer[48] ?? 0, 0x2e, answer[49] ?? 0),
  };
}

/** States up to the address's acknowledge are below 0x40, those of data above; 1 is the engine at work (3.1.1). */
function outcomeOf(state: number, refused: boolean): EngineStatus['outcome'] {
  if (refused || state === State.addressNack) return 'address';
  if (state === State.idle || state === State.noStop || state === State.complete) return 'done';
  return state === 0x44 ? 'data' : 'working';
}

/** `busy`: the engine has not got so far; `refused`: the chip did not acknowledge. */
export type ReadData = { readonly data: Uint8Array } | 'busy' | 'refused' | undefined;

export function readDataOf(answer: Uint8Array): ReadData {
  if (answer.length < REPORT_BYTES || answer[0] !== Code.getData) return undefined;
  const [, status = 0, state = 0, count = 0] = answer;
  if (state === State.addressNack) return 'refused';
  if (status !== 0 || count === READ_ERROR) return 'busy';
  if (count > REPORT_DATA) return undefined;
  return count === 0 ? 'busy' : { data: answer.slice(4, 4 + count) };
}
