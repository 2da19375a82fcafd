import type { LinearPattern } from '../base/linear-pattern.ts';
import { FlashlineError } from '../model/failure.ts';
import type { Label } from '../model/label.ts';
import { Gs1Error } from './gs1-element.ts';
import { GS, readGs1 } from './gs1-read.ts';

type Gs1Label = Extract<Label, { kind: 'gs1' }>;

/** ISO/IEC 15424: `]`, a letter for the kind of barcode, and what its reader did. A scanner sends it where it was set to. */
const SYMBOLOGY = /^\]([A-Za-z][0-9A-Za-z])/u;
/** Those that say: what follows are GS1 element strings (GS1-128, DataBar, DataMatrix, QR, DotCode). */
const GS1_SYMBOLOGIES: ReadonlySet<string> = new Set(['C1', 'e0', 'd2', 'Q3', 'J1']);

/** The fields of a label of text. Throws `label-form` or `label-damaged`. */
export function readTextLabel(code: string, label: Label, pattern: LinearPattern): Map<string, string> {
  const { text } = withoutSymbology(code, label);
  const match = pattern.match(text);
  // What goes beyond the pattern's ends is no part of it, whether it has anchors or not.
  if (!match || match.start !== 0 || match.end !== text.length) throw labelForm(code);
  return new Map(
    pattern.groups.flatMap((name) => {
      const found = match.group(name);
      return found === undefined || found.text === '' ? [] : [[name, found.text]];
    }),
  );
}

/** The fields of a label of GS1 elements. Throws `label-form`, `label-damaged`, `label-incomplete` or `label-other-product`. */
export function readGs1Label(code: string, label: Gs1Label): Map<string, string> {
  const { text, offset, symbology } = withoutSymbology(code, label);
  const isLink = /^https?:\/\//iu.test(text);
  if (symbology !== null && !isLink && !GS1_SYMBOLOGIES.has(symbology)) throw labelForm(code);
  const elements = readElements(
    code,
    label.separator === undefined ? text : text.replaceAll(label.separator, GS),
    offset,
  );
  for (const [id, expected] of Object.entries(label.expect ?? {})) {
    const found = elements.get(id);
    if (found === undefined) throw incomplete(code, `(${id})`);
    if (found !== expected)
      throw new FlashlineError('label-other-product', {
        params: { element: `(${id})`, found, expected },
      });
  }
  return new Map(
    Object.entries(label.fields).map(([name, id]) => {
      const value = elements.get(id);
      if (value === undefined) throw incomplete(code, `(${id})`);
      return [name, value];
    }),
  );
}

function readElements(code: string, text: string, offset: number): Map<string, string> {
  try {
    return readGs1(text);
  } catch (error) {
    if (!(error instanceof Gs1Error)) throw error;
    throw damaged(code, offset + error.at, error.message, error);
  }
}

interface Bare {
  readonly text: string;
  /** Characters that were taken off before it. */
  readonly offset: number;
  readonly symbology: string | null;
}

function withoutSymbology(code: string, { symbologies }: Label): Bare {
  const [head = '', symbology = null] = SYMBOLOGY.exec(code) ?? [];
  if (symbologies && (symbology === null || !symbologies.includes(symbology))) throw labelForm(code);
  return { text: code.slice(head.length), offset: head.length, symbology };
}

/** For people: a separator that is no character they could see. */
export function readable(code: string): string {
  return code.replaceAll(GS, '␝').replaceAll(/\p{Cc}/gu, '�');
}

export function labelForm(code: string): FlashlineError {
  return new FlashlineError('label-form', { params: { code: readable(code) } });
}

/** `at` counts from 0; people count from 1. */
export function damaged(code: string, at: number, detail: string, cause?: unknown): FlashlineError {
  return new FlashlineError('label-damaged', { params: { code: readable(code), position: at + 1, detail }, cause });
}

export function incomplete(code: string, element: string): FlashlineError {
  return new FlashlineError('label-incomplete', { params: { code: readable(code), element } });
}
