import { type LinearPattern, linearPattern, type PatternMatch } from '../base/linear-pattern.ts';
import { FlashlineError } from '../model/failure.ts';
import { macAddress } from '../model/mac-address.ts';
import type { Recipe } from '../model/recipe.ts';
import { checkFault } from './check-digits.ts';
import { damaged, incomplete, readable, readGs1Label, readTextLabel } from './read-label.ts';

/** What a scan said of a unit. */
export interface UnitLabel {
  readonly serial: string;
  /** Everything else on the label, by the recipe's names: `batch`, `order`, `uid`, `mac`, and its own. */
  readonly fields: Readonly<Record<string, string>>;
}

/** A recipe's rules for what is scanned, made ready once. */
export interface IdentityRules {
  /** What serials look like, for people. */
  readonly pattern: string;
  /** Throws a `label-...` code, `serial-pattern`, `serial-damaged` or `check-digit`. */
  readonly read: (code: string) => UnitLabel;
  /** A serial that comes from elsewhere than a label. Throws as above. */
  readonly requireSerial: (serial: string) => void;
  /** Named groups of the pattern in a serial that matches it. */
  readonly groups: (serial: string) => Readonly<Record<string, string>>;
}

export function identityRules({ serial: rules, label }: Pick<Recipe, 'serial' | 'label'>): IdentityRules {
  const pattern = linearPattern(rules.pattern);
  const requireSerial = (serial: string) => checkSerial(serial, rules, pattern);
  const groups = (serial: string) => groupsOf(pattern, pattern.match(serial));
  const fieldsOf = labelReader(label);
  return {
    pattern: rules.pattern,
    requireSerial,
    groups,
    read(code) {
      if (!fieldsOf) {
        requireSerial(code);
        return { serial: code, fields: {} };
      }
      const { serial, ...fields } = Object.fromEntries(fieldsOf(code));
      if (serial === undefined) throw incomplete(code, 'serial');
      requireSerial(serial);
      return { serial, fields: { ...fields, ...addressesOf(code, fields) } };
    },
  };
}

function labelReader(label: Recipe['label']): ((code: string) => Map<string, string>) | null {
  if (!label) return null;
  if (label.kind === 'gs1') return (code) => readGs1Label(code, label);
  const pattern = linearPattern(label.pattern);
  return (code) => readTextLabel(code, label, pattern);
}

function checkSerial(serial: string, { check, pattern: source }: Recipe['serial'], pattern: LinearPattern): void {
  const match = pattern.match(serial);
  if (!match) throw new FlashlineError('serial-pattern', { params: { serial: readable(serial), pattern: source } });
  if (!check) return;
  const part = check.of === undefined ? { start: 0, text: serial } : match.group(check.of);
  if (!part) throw new FlashlineError('serial-pattern', { params: { serial: readable(serial), pattern: source } });
  const fault = checkFault(part.text, check);
  if (!fault) return;
  if (fault.kind === 'short') throw damaged(serial, part.start + part.text.length, 'it is too short for its check');
  const position = part.start + fault.at + 1;
  if (fault.kind === 'character') throw damaged(serial, position - 1, 'this character cannot stand here');
  throw new FlashlineError('check-digit', { params: { serial: readable(serial), position } });
}

function groupsOf({ groups }: LinearPattern, match: PatternMatch | null): Readonly<Record<string, string>> {
  return Object.fromEntries(
    groups.flatMap((name) => {
      const found = match?.group(name);
      return found === undefined ? [] : [[name, found.text]];
    }),
  );
}

const HEX = /^(?:[0-9a-f]{2})+$/iu;

/** In the form in which chips tell theirs. */
function addressesOf(code: string, { mac, uid }: Readonly<Record<string, string>>): Record<string, string> {
  return {
    ...(mac === undefined ? {} : { mac: macOf(code, mac) }),
    ...(uid === undefined ? {} : { uid: uidOf(code, uid) }),
  };
}

function macOf(code: string, text: string): string {
  const mac = macAddress(text);
  if (mac === undefined)
    throw damaged(code, Math.max(0, code.lastIndexOf(text)), `${JSON.stringify(text)} is no MAC address`);
  return mac;
}

function uidOf(code: string, text: string): string {
  const digits = text.replaceAll(/[:\s-]/gu, '');
  if (!HEX.test(digits))
    throw damaged(
      code,
      Math.max(0, code.lastIndexOf(text)),
      `${JSON.stringify(text)} is no hardware id in hexadecimal`,
    );
  return digits.toLowerCase();
}
