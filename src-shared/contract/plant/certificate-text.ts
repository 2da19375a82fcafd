import { base64url } from 'jose';

/** Why a text cannot be a certificate at all, whoever signed it. `other-file`: a web page, a PDF, an archive. */
export type Unreadable = 'empty' | 'too-large' | 'other-file' | 'truncated' | 'no-certificate';

export interface CertificateText {
  /** The compact JWS, without what a mail or a line break put around and into it. */
  readonly jws: string;
  readonly typ: string | null;
  /** The thumbprint of the key that it says it is signed by. */
  readonly keyId: string | null;
  /** What it says, proven by nothing; undefined where that is no JSON. */
  readonly claims: unknown;
}

/** Characters. A certificate has two thousand or so; a page with many around it still has room. */
export const MAX_CERTIFICATE_TEXT = 200_000;
/** Of an Ed25519 signature (64 bytes) in base64url. */
const SIGNATURE_CHARACTERS = 86;
/** `{"` in base64url: how a header begins, and a payload. */
const BEGIN = 'eyJ';

/**
 * Finds the certificate in what somebody pasted or dropped: the signed text alone, wrapped into lines, quoted in a mail, or the
 * whole printed page around it.
 */
export function readCertificateText(text: string): CertificateText | Unreadable {
  if (text.length > MAX_CERTIFICATE_TEXT) return 'too-large';
  if (text.trim() === '') return 'empty';
  const begin = text.indexOf(BEGIN);
  if (begin < 0) return notOne(text);
  const jws = compactFrom(text.slice(begin));
  const [header = '', payload, signature] = jws.split('.');
  const head = jsonOf(header);
  if (payload === undefined || signature === undefined || signature.length < SIGNATURE_CHARACTERS)
    return isObject(head) || CUT_OFF.test(text.slice(begin)) ? 'truncated' : notOne(text);
  if (!isObject(head)) return notOne(text);
  return { jws, typ: textOf(head['typ']), keyId: textOf(head['kid']), claims: jsonOf(payload) };
}

/** More than a word of some language. */
const CUT_OFF = /^eyJ[\w-]{13}/;

function notOne(text: string): Unreadable {
  return isOtherFile(text) ? 'other-file' : 'no-certificate';
}

/** What belongs to it: three parts of base64url with white space in them, the last of a signature's length. */
function compactFrom(text: string): string {
  let compact = '';
  let dots = 0;
  let signature = 0;
  for (const character of text) {
    const isSpace = /[\s>\u200B\uFEFF]/.test(character);
    if (isSpace && signature >= SIGNATURE_CHARACTERS) break;
    if (isSpace) continue;
    if (!/[\w.-]/.test(character)) break;
    if (character === '.') {
      dots += 1;
      if (dots > 2) break;
    } else if (dots === 2) signature += 1;
    compact += character;
  }
  return compact;
}

function isOtherFile(text: string): boolean {
  const start = text.trimStart().slice(0, 200).toLowerCase();
  const isKnown = ['<', '%pdf', 'pk\u0003'].some((each) => start.startsWith(each));
  return isKnown || start.includes('\0') || /<(?:html|body|div|script|!doctype)/.test(start);
}

function jsonOf(part: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(base64url.decode(part)));
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value.slice(0, 256) : null;
}
