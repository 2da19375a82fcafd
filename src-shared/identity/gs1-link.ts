import { ELEMENTS } from './gs1-elements.ts';
import { Gs1Error, type Placed } from './gs1-element.ts';
import { valueFault } from './gs1-value.ts';

/** GS1 Digital Link: URI Syntax 1.4, section 4.5: the path goes from one of these on in pairs of identifier and value. */
const KEYS: ReadonlySet<string> = new Set([
  '00',
  '01',
  '253',
  '255',
  '401',
  '402',
  '414',
  '415',
  '417',
  '8003',
  '8004',
  '8006',
  '8010',
  '8013',
  '8017',
  '8018',
]);
const GTIN_DIGITS = 14;

/** Throws Gs1Error. A query's keys that are no identifiers are the resolver's, and left alone. */
export function readLink(uri: string): Placed[] {
  const [, before = '', path = '', query = ''] = /^(https?:\/\/[^/?#]+)([^?#]*)(?:\?([^#]*))?/iu.exec(uri) ?? [];
  const segments = placedParts(path.replace(/\/$/u, ''), '/', before.length);
  const start = segments.findLastIndex(({ text }, index) => KEYS.has(text) && (segments.length - index) % 2 === 0);
  if (start < 0) throw new Gs1Error(before.length, 'the link has no GS1 key in its path');
  const found: Placed[] = [];
  for (let index = start; index < segments.length; index += 2) {
    const [id, value] = [segments[index], segments[index + 1]];
    if (id && value) found.push(elementOf(id.text, value.text, value.at));
  }
  for (const { text, at } of placedParts(query, '&', before.length + path.length + 1)) {
    const [, id = '', value = ''] = /^([0-9]{2,4})=(.*)$/u.exec(text) ?? [];
    if (id !== '') found.push(elementOf(id, value, at + id.length + 1));
  }
  return found;
}

function placedParts(text: string, separator: string, from: number): { readonly text: string; readonly at: number }[] {
  let at = from;
  return text.split(separator).map((part) => {
    const placed = { text: part, at };
    at += part.length + 1;
    return placed;
  });
}

function elementOf(id: string, encoded: string, at: number): Placed {
  const element = ELEMENTS.get(id);
  if (!element) throw new Gs1Error(at, `${id} is no application identifier`);
  const text = decoded(encoded, at);
  // Links of before version 1.2 have a GTIN as it is printed.
  const value = id === '01' && [8, 12, 13].includes(text.length) ? text.padStart(GTIN_DIGITS, '0') : text;
  const fault = valueFault(element, value);
  if (fault) throw new Gs1Error(at, fault.detail);
  return { id, value, at };
}

function decoded(text: string, at: number): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) throw new Gs1Error(at, 'a % is followed by no character');
    throw error;
  }
}
