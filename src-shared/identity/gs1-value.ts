import { gs1Fault } from './check-digits.ts';
import type { ElementFormat, ElementPart } from './gs1-elements.ts';

/** What is wrong with a value, and where in it (from 0). */
export interface ValueFault {
  readonly at: number;
  readonly detail: string;
}

/** GS1 General Specifications, figures 7.11-1 to 7.11-3. */
const SETS: Readonly<Record<ElementPart['set'], RegExp>> = {
  n: /[0-9]/,
  x: /[!"%-?A-Z_a-z]/,
  y: /[#/0-9A-Z-]/,
  z: /[0-9A-Za-z_=-]/,
};

/** Null: the value is one that this identifier can have. */
export function valueFault({ id, parts }: ElementFormat, value: string): ValueFault | null {
  let at = 0;
  for (const part of parts) {
    const left = value.length - at;
    if (left === 0 && part.optional && at > 0) continue;
    if (left < part.least) return { at: value.length, detail: `(${id}) is cut off` };
    const text = value.slice(at, at + part.most);
    const fault = partFault(id, part, text);
    if (fault) return { ...fault, at: at + fault.at };
    at += text.length;
  }
  return at < value.length ? { at, detail: `(${id}) has more than ${at} characters` } : null;
}

function partFault(id: string, { set, check, date }: ElementPart, text: string): ValueFault | null {
  const wrong = text.split('').findIndex((character) => !SETS[set].test(character));
  if (wrong >= 0) return { at: wrong, detail: `this character cannot stand in (${id})` };
  if (check && gs1Fault(text)) return { at: text.length - 1, detail: `the check digit of (${id}) does not agree` };
  return date && !isDate(text) ? { at: 2, detail: `(${id}) is no date` } : null;
}

/** YYMMDD, 7.12: the day may be left open as 00. A leap year every fourth is right for every year that this can mean. */
function isDate(text: string): boolean {
  const [year = 0, month = 0, day = 0] = (text.match(/../g) ?? []).map(Number);
  const days = month === 2 ? (year % 4 === 0 ? 29 : 28) : [4, 6, 9, 11].includes(month) ? 30 : 31;
  return month >= 1 && month <= 12 && day <= days;
}
