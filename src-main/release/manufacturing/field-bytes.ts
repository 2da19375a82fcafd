import { fromHex, toHex } from '#shared/base/bytes.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { NVS_INTEGERS, type NvsInteger } from '../../image/nvs/nvs-format.ts';
import type { SourceValue } from './unit-values.ts';

/** A field under work: its name for messages, and what it is given. */
export interface Given {
  readonly field: string;
  readonly value: SourceValue;
}

/** A number, of decimal text, hexadecimal text with 0x, or the bytes of an id. Throws `value-unsuited`. */
export function integerOf(type: NvsInteger, { field, value: { text, bytes } }: Given): bigint {
  const isNumber = /^[+-]?[0-9]+$|^0x[0-9a-f]+$/iu.test(text) && bytes === null;
  if (!isNumber && bytes === null) throw unsuited(field, `${JSON.stringify(text)} is no whole number`);
  const number = bytes === null ? BigInt(text.replace(/^\+/u, '')) : BigInt(`0x${toHex(bytes)}`);
  const { bits, signed } = NVS_INTEGERS[type];
  const fits = signed ? BigInt.asIntN(bits, number) : BigInt.asUintN(bits, number);
  if (fits === number) return number;
  throw unsuited(field, `${number} does not fit into ${type}`);
}

/** A measured value in the field's own unit: the nearest whole number. Throws `value-unsuited` for what is no number. */
export function scaled(given: Given, scale: number | undefined): Given {
  if (scale === undefined) return given;
  const { field, value } = given;
  const number = value.text.trim() === '' || value.bytes !== null ? Number.NaN : Number(value.text);
  const whole = Math.round(number * scale);
  if (!Number.isSafeInteger(whole))
    throw unsuited(field, `${JSON.stringify(value.text)} times ${scale} is no whole number`);
  return { field, value: { text: String(whole), bytes: null } };
}

export function integerBytes(type: NvsInteger, number: bigint, endian: 'little' | 'big'): Uint8Array {
  const { bits } = NVS_INTEGERS[type];
  const raw = new Uint8Array(8);
  new DataView(raw.buffer).setBigUint64(0, BigInt.asUintN(64, number), true);
  const bytes = raw.slice(0, bits / 8);
  return endian === 'little' ? bytes : bytes.reverse();
}

interface StringShape {
  readonly size: number;
  readonly terminated: boolean;
  readonly pad: number;
}

/** UTF-8, and the padding behind it. */
export function stringBytes({ size, terminated, pad }: StringShape, { field, value: { text } }: Given): Uint8Array {
  const bytes = new TextEncoder().encode(text);
  if (bytes.includes(0)) throw unsuited(field, 'the text has a zero in it');
  const most = size - (terminated ? 1 : 0);
  if (bytes.length > most)
    throw unsuited(field, `${JSON.stringify(text)} has ${bytes.length} bytes, there is room for ${most}`);
  const out = new Uint8Array(size).fill(pad);
  out.set(bytes);
  if (terminated) out[bytes.length] = 0;
  return out;
}

/** The source's own bytes, else hexadecimal text; separators do not count. */
export function rawBytes({ field, value: { text, bytes } }: Given): Uint8Array {
  if (bytes !== null) return bytes;
  const digits = text.replaceAll(/[:\s-]/gu, '');
  if (/^(?:[0-9a-f]{2})*$/iu.test(digits)) return fromHex(digits);
  throw unsuited(field, `${JSON.stringify(text)} is no hexadecimal`);
}

export function unsuited(field: string, detail: string): FlashlineError {
  return new FlashlineError('value-unsuited', { where: { path: field }, params: { field, detail } });
}
