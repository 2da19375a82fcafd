import { linearPattern } from '../base/linear-pattern.ts';
import { FlashlineError } from '../model/failure.ts';
import type { Label } from '../model/label.ts';
import { macNumber } from '../model/mac-address.ts';
import type { MacSource, SerialSource } from '../model/numbers.ts';
import type { Recipe } from '../model/recipe.ts';
import { ELEMENTS } from './gs1-elements.ts';
import { valueFault } from './gs1-value.ts';
import { macCount, macSource } from './mac-rules.ts';
import { type Counter, numberedSerial } from './numbered-serial.ts';
import { type IdentityRules, identityRules } from './unit-label.ts';

export interface IdentityFault {
  readonly path: readonly (string | number)[];
  readonly detail: string;
}

/** What of a recipe's rules could never be: found when it is opened, not at the first board. */
export function identityFaults(recipe: Recipe): IdentityFault[] {
  const { serial, label } = recipe;
  const faults: IdentityFault[] = [...macFaults(recipe), ...sourceFaults(recipe)];
  const { of } = serial.check ?? {};
  if (of !== undefined && !linearPattern(serial.pattern).groups.includes(of))
    faults.push({ path: ['serial', 'check', 'of'], detail: `the serial’s pattern has no group (?<${of}>...)` });
  if (!label) return faults;
  return [...faults, ...(label.kind === 'text' ? textFaults(label) : gs1Faults(label))];
}

function macFaults(recipe: Recipe): IdentityFault[] {
  const { macs, manufacturing, locks = [] } = recipe;
  const faults: IdentityFault[] = [];
  if (macs && manufacturing?.macs)
    faults.push({ path: ['manufacturing', 'macs'], detail: 'the recipe has macs already; one of both must go' });
  if (macs && 'counter' in macs) faults.push(...macRangeFaults(macs));
  const count = macCount(macSource(recipe));
  for (const [index, lock] of locks.entries()) {
    if (lock.step !== 'esp-custom-mac' || lock.from === undefined) continue;
    if (Number(lock.from.split('.')[1] ?? 1) <= count) continue;
    faults.push({ path: ['locks', index, 'from'], detail: `${lock.from}: the recipe’s macs give a unit ${count}` });
  }
  return faults;
}

function macRangeFaults({ first, last, step, count }: Extract<MacSource, { counter: string }>): IdentityFault[] {
  const path = ['macs', 'first'];
  if (first.slice(0, 2) !== last.slice(0, 2))
    return [{ path, detail: 'first and last must have the same first octet' }];
  if (macNumber(first) % step !== 0)
    return [{ path, detail: `must be a multiple of ${step}: units have ${step} each` }];
  const room = Math.floor((macNumber(last) + 1 - macNumber(first)) / step);
  return room >= count ? [] : [{ path, detail: 'there is no room for one unit from first to last' }];
}

function sourceFaults({ serial, label }: Recipe): IdentityFault[] {
  const { source, check } = serial;
  if (!source) return [];
  const path = ['serial', 'source'];
  if ('list' in source) return listFaults(source, path);
  if (!('counter' in source)) return [];
  if (check?.scheme === 'weights' && check.at === 'start')
    return [{ path, detail: 'a counter puts the check behind its number, this scheme wants it before' }];
  if (source.first > source.last) return [{ path, detail: 'first is after last' }];
  if (source.last >= 10 ** source.digits)
    return [{ path, detail: `${source.last} has more than ${source.digits} digits` }];
  const rules = identityRules({ serial, ...(label ? { label } : {}) });
  return [source.first, source.last].flatMap((number) => counted(source, number, serial, rules, path));
}

/** Of the first and the last it is known by trying; what lies between has the same form. */
function counted(
  source: Counter,
  number: number,
  serial: Recipe['serial'],
  rules: IdentityRules,
  path: IdentityFault['path'],
): IdentityFault[] {
  try {
    numberedSerial(source, number, serial, rules);
    return [];
  } catch (error) {
    if (!(error instanceof FlashlineError)) throw error;
    return [{ path, detail: `number ${number} makes no serial that fits the pattern and its check` }];
  }
}

function listFaults(
  { columns }: Extract<SerialSource, { list: string }>,
  path: IdentityFault['path'],
): IdentityFault[] {
  if (columns['serial'] === undefined)
    return [{ path: [...path, 'columns'], detail: 'must say which column the serial is in' }];
  const headings = Object.values(columns);
  const twice = headings.find((heading, index) => headings.indexOf(heading) !== index);
  return twice === undefined ? [] : [{ path: [...path, 'columns'], detail: `column ${twice} is there twice` }];
}

/** What the chip cannot be compared by. */
export function labelFaults({ label }: Pick<Recipe, 'label'>, tells: { readonly uid: boolean; readonly mac: boolean }) {
  const names = label?.kind === 'gs1' ? Object.keys(label.fields) : label ? linearPattern(label.pattern).groups : [];
  const faults: IdentityFault[] = [];
  if (names.includes('uid') && !tells.uid)
    faults.push({
      path: ['label'],
      detail: 'uid: this chip has no hardware id that is known, nothing can be compared',
    });
  if (names.includes('mac') && !tells.mac)
    faults.push({
      path: ['label'],
      detail: 'mac: this chip tells no MAC of its own; give the field another name, and it is scan.NAME',
    });
  return faults;
}

function textFaults({ pattern }: Extract<Label, { kind: 'text' }>): IdentityFault[] {
  const path = ['label', 'pattern'];
  const { groups } = linearPattern(pattern);
  const odd = groups.filter((name) => !/^[a-z][a-z0-9]*$/u.test(name));
  return [
    ...(groups.includes('serial') ? [] : [{ path, detail: 'must have a group (?<serial>...)' }]),
    ...odd.map((name) => ({ path, detail: `a field’s name is lower-case letters and digits, not ${name}` })),
  ];
}

function gs1Faults({ fields, expect = {} }: Extract<Label, { kind: 'gs1' }>): IdentityFault[] {
  const faults: IdentityFault[] = [];
  if (fields['serial'] === undefined)
    faults.push({ path: ['label', 'fields'], detail: "must say where the serial is, such as serial: '21'" });
  for (const [name, id] of Object.entries(fields)) {
    if (!ELEMENTS.has(id))
      faults.push({ path: ['label', 'fields', name], detail: `${id} is no application identifier` });
  }
  for (const [id, value] of Object.entries(expect)) {
    const path = ['label', 'expect', id];
    const element = ELEMENTS.get(id);
    const fault = element ? valueFault(element, value) : { detail: `${id} is no application identifier` };
    if (fault) faults.push({ path, detail: fault.detail });
  }
  return faults;
}
