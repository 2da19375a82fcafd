import { Gs1Error, type Placed } from './gs1-element.ts';
import { ELEMENTS, type ElementFormat } from './gs1-elements.ts';
import { readLink } from './gs1-link.ts';
import { valueFault } from './gs1-value.ts';

/** Group separator: what a scanner sends for FNC1 (7.8.3). */
export const GS = '\u001d';

/** The least text that could be one: an identifier and a character. */
const LEAST = 3;

/**
 * Element strings as a scanner sends them (GS between those that need it, and perhaps before the first), written with brackets, or
 * in a GS1 Digital Link URI. Throws Gs1Error.
 */
export function readGs1(text: string): Map<string, string> {
  if (text.length < LEAST) throw new Gs1Error(0, 'there is too little for a GS1 code');
  if (/^https?:\/\//iu.test(text)) return collected(readLink(text));
  return collected(text.startsWith('(') ? readBracketed(text) : readRaw(text));
}

function readRaw(text: string): Placed[] {
  const found: Placed[] = [];
  let at = text.startsWith(GS) ? 1 : 0;
  while (at < text.length) {
    const element = elementAt(text, at);
    const begin = at + element.id.length;
    const separator = text.indexOf(GS, begin);
    const open = separator < 0 ? text.length : separator;
    const end = element.length === null ? open : Math.min(begin + element.length, open);
    found.push(checked(element, text.slice(begin, end), begin));
    at = end;
    // Behind a predefined length it is not needed, and printers put it there all the same.
    if (text[at] === GS) at++;
    if (at === text.length && text.endsWith(GS)) throw new Gs1Error(at - 1, 'nothing follows the last separator');
  }
  return found;
}

/** `(01)...(21)...`: a bracket that no known identifier follows belongs to the value. */
function readBracketed(text: string): Placed[] {
  const heads = [...text.matchAll(/\(([0-9]{2,4})\)/gu)].filter(
    ({ 1: id = '', index }) => index === 0 || ELEMENTS.has(id),
  );
  const [first] = heads;
  if (first?.index !== 0) throw new Gs1Error(0, 'the first bracket holds no application identifier');
  return heads.map(({ 0: head, 1: id = '', index }, place) => {
    const element = ELEMENTS.get(id);
    if (!element) throw new Gs1Error(index + 1, `(${id}) is no application identifier`);
    const begin = index + head.length;
    return checked(element, text.slice(begin, heads[place + 1]?.index ?? text.length), begin);
  });
}

function elementAt(text: string, at: number): ElementFormat {
  for (const digits of [2, 3, 4]) {
    const element = ELEMENTS.get(text.slice(at, at + digits));
    if (element) return element;
  }
  throw new Gs1Error(at, `no application identifier begins with ${JSON.stringify(text.slice(at, at + 2))}`);
}

function checked(element: ElementFormat, value: string, at: number): Placed {
  const fault = valueFault(element, value);
  if (fault) throw new Gs1Error(at + fault.at, fault.detail);
  return { id: element.id, value, at };
}

/** The same element twice is allowed only where it says the same (4.14). */
function collected(elements: readonly Placed[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const { id, value, at } of elements) {
    const known = found.get(id);
    if (known !== undefined && known !== value) throw new Gs1Error(at, `(${id}) is there twice, and not the same`);
    found.set(id, value);
  }
  return found;
}
