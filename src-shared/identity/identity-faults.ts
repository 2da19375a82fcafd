import { linearPattern } from '../base/linear-pattern.ts';
import type { Label } from '../model/label.ts';
import type { Recipe } from '../model/recipe.ts';
import { ELEMENTS } from './gs1-elements.ts';
import { valueFault } from './gs1-value.ts';

export interface IdentityFault {
  readonly path: readonly (string | number)[];
  readonly detail: string;
}

/** What of a recipe's rules could never be: found when it is opened, not at the first board. */
export function identityFaults({ serial, label }: Pick<Recipe, 'serial' | 'label'>): IdentityFault[] {
  const faults: IdentityFault[] = [];
  const { of } = serial.check ?? {};
  if (of !== undefined && !linearPattern(serial.pattern).groups.includes(of))
    faults.push({ path: ['serial', 'check', 'of'], detail: `the serial’s pattern has no group (?<${of}>...)` });
  if (!label) return faults;
  return [...faults, ...(label.kind === 'text' ? textFaults(label) : gs1Faults(label))];
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
